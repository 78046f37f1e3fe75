//! What the browser's `Intl` and the vSphere Client format.
//!
//! Formatters are made once: making one costs far more than using it.

use std::cell::OnceCell;
use std::collections::HashMap;

use js_sys::{Array, Function, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::sdk;

thread_local! {
    static NUMBERS: std::cell::RefCell<HashMap<u8, Function>> = std::cell::RefCell::default();
    static PERCENT: OnceCell<Option<Function>> = const { OnceCell::new() };
    static PLURALS: OnceCell<Option<JsValue>> = const { OnceCell::new() };
    static DATES: OnceCell<[Option<Function>; 3]> = const { OnceCell::new() };
}

/// The locale for numbers and dates: the Client's, with its region.
fn locale() -> Array {
    Array::of1(&sdk::locale().unwrap_or_else(|| "en-US".into()).into())
}

fn options(pairs: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (key, value) in pairs {
        let _ = Reflect::set(&object, &(*key).into(), value);
    }
    object
}

/// `new Intl.<class>(locale, options)`; English if the Client's locale is none that the browser knows.
fn make(class: &str, options: &Object) -> Option<JsValue> {
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
    let constructor: Function = Reflect::get(&intl, &class.into()).ok()?.dyn_into().ok()?;
    let construct = |locale: &Array| Reflect::construct(&constructor, &Array::of2(locale, options)).ok();
    construct(&locale()).or_else(|| construct(&Array::of1(&"en-US".into())))
}

fn formatter(class: &str, options: &Object) -> Option<Function> {
    let object = make(class, options)?;
    // `format` is a getter that gives a function bound to its object.
    Reflect::get(&object, &"format".into()).ok()?.dyn_into().ok()
}

/// By the browser: Rust's own would bring its tables of letters into the program.
pub fn lower(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}

/// What JavaScript makes of a number: Rust's own would bring its tables into the program.
fn plain(value: f64) -> String {
    JsValue::from(value)
        .unchecked_ref::<js_sys::Number>()
        .to_string_with_radix(10)
        .map(String::from)
        .unwrap_or_default()
}

fn call(function: &Function, value: f64) -> Option<String> {
    function.call1(&JsValue::UNDEFINED, &value.into()).ok()?.as_string()
}

pub fn number(value: f64, decimals: u8) -> String {
    NUMBERS.with_borrow_mut(|made| {
        if !made.contains_key(&decimals)
            && let Some(new) =
                formatter("NumberFormat", &options(&[("maximumFractionDigits", decimals.into())]))
        {
            made.insert(decimals, new);
        }
        made.get(&decimals).and_then(|f| call(f, value)).unwrap_or_else(|| plain(value))
    })
}

pub fn percent(share: f64) -> String {
    PERCENT.with(|made| {
        let made = made.get_or_init(|| {
            formatter(
                "NumberFormat",
                &options(&[("style", "percent".into()), ("maximumFractionDigits", 0.into())]),
            )
        });
        made.as_ref().and_then(|f| call(f, share)).unwrap_or_default()
    })
}

pub fn date_time(at_ms: i64) -> String {
    sdk::format_date_time(at_ms, "DATE_AND_TIME").unwrap_or_else(|| moment(at_ms, 0))
}

/// A time of day, to the minute: what an axis says.
pub fn time(at_ms: i64) -> String {
    sdk::format_date_time(at_ms, "TIME")
        .map_or_else(|| moment(at_ms, 1), |time| super::without_seconds(&time))
}

pub fn date(at_ms: i64) -> String {
    sdk::format_date_time(at_ms, "DATE").unwrap_or_else(|| moment(at_ms, 2))
}

fn moment(at_ms: i64, which: usize) -> String {
    DATES.with(|made| {
        let made = made.get_or_init(|| {
            let style = |pairs: &[(&str, &str)]| {
                let pairs: Vec<(&str, JsValue)> =
                    pairs.iter().map(|(key, value)| (*key, (*value).into())).collect();
                formatter("DateTimeFormat", &options(&pairs))
            };
            [
                style(&[("dateStyle", "short"), ("timeStyle", "medium")]),
                style(&[("timeStyle", "short")]),
                style(&[("dateStyle", "short")]),
            ]
        });
        #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        made[which].as_ref().and_then(|f| call(f, at_ms as f64)).unwrap_or_default()
    })
}

pub fn plural_category(n: u64) -> &'static str {
    PLURALS.with(|made| {
        let rules = made.get_or_init(|| {
            let constructor = crate::i18n::language().code();
            let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
            let class: Function = Reflect::get(&intl, &"PluralRules".into()).ok()?.dyn_into().ok()?;
            Reflect::construct(&class, &Array::of1(&constructor.into())).ok()
        });
        let category = rules.as_ref().and_then(|rules| {
            let select: Function = Reflect::get(rules, &"select".into()).ok()?.dyn_into().ok()?;
            #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            select.call1(rules, &(n as f64).into()).ok()?.as_string()
        });
        match category.as_deref() {
            Some("zero") => "zero",
            Some("one") => "one",
            Some("two") => "two",
            Some("few") => "few",
            Some("many") => "many",
            _ => "other",
        }
    })
}

#[allow(clippy::cast_possible_truncation, reason = "whole milliseconds far below 2^53")]
pub fn now_ms() -> i64 {
    js_sys::Date::now() as i64
}
