//! Queries in which a key may be repeated, such as `?vm=vm-1&vm=vm-2`.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::Uri;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::ApiError;

/// Takes all values of one key out of a query, at most `limit`, and reads the rest.
pub fn repeated<T: DeserializeOwned>(
    uri: &Uri,
    key: &str,
    limit: usize,
) -> Result<(Vec<String>, T), ApiError> {
    let mut values = Vec::new();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name == key {
            values.push(value.into_owned());
        } else {
            rest.append_pair(&name, &value);
        }
    }
    if values.len() > limit {
        return Err(ApiError::bad_request(format!(
            "The query names {key} {} times; at most {limit} are possible.",
            values.len()
        )));
    }
    let rest = format!("/?{}", rest.finish());
    let rest: Uri = rest.parse().map_err(|_| ApiError::bad_request("The query cannot be read."))?;
    let Query(query) = Query::<T>::try_from_uri(&rest).map_err(|error: QueryRejection| error)?;
    Ok((values, query))
}

/// Reads a time in milliseconds since 1970 (UTC).
pub fn moment(ms: i64) -> Result<Timestamp, ApiError> {
    Timestamp::from_millisecond(ms)
        .map_err(|_| ApiError::bad_request(format!("{ms} is no time in milliseconds since 1970.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_repeated_key_is_a_list_and_the_rest_is_read_as_before() {
        let uri: Uri = "/vms?vm=vm-1&name=a%26b&vm=vm%2D2".parse().unwrap();
        let (vms, rest) = repeated::<BTreeMap<String, String>>(&uri, "vm", 2).unwrap();
        assert_eq!(vms, ["vm-1", "vm-2"]);
        assert_eq!(rest, BTreeMap::from([("name".to_owned(), "a&b".to_owned())]));
        assert!(repeated::<BTreeMap<String, String>>(&uri, "vm", 1).is_err());
    }
}
