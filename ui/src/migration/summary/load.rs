//! Reading what was finished, and the samples.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use hdm_shared::cloud::CloudOffer;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::Privilege;
use hdm_shared::sample::SampleSeries;
use leptos::prelude::*;

use crate::api::{self, Failure, Fresh, Guid};
use crate::format;
use crate::model::changes::Known;
use crate::model::history::{Finished, Interval};
use crate::model::sorted::{gathered, sorted};
use crate::page::context::Context;
use crate::page::live::Live;
use crate::page::unread::Unread;

/// How often samples are read anew: the finest come every 20 s.
const EVERY: std::time::Duration = std::time::Duration::from_secs(20);

/// What the summary shows.
#[derive(Clone, Copy)]
pub struct History {
    /// Finished migrations, newest first.
    pub finished: RwSignal<Vec<Arc<MigrationView>>>,
    /// The same, by id.
    pub known: RwSignal<Arc<Known>>,
    /// Samples of the chosen cloud.
    pub series: RwSignal<SampleSeries>,
    /// From when to when the samples were asked for, in milliseconds since 1970.
    pub span_ms: RwSignal<(i64, i64)>,
    /// The clouds there are.
    pub clouds: RwSignal<Vec<String>>,
    /// The cloud whose samples are shown.
    pub cloud: RwSignal<String>,
    /// What is drawn.
    pub graph: RwSignal<String>,
    /// Whether something was read once.
    pub loaded: RwSignal<bool>,
    /// Whether what is shown is not yet what is asked for.
    pub loading: RwSignal<bool>,
    /// Whether samples were read once.
    pub sampled: RwSignal<bool>,
    /// Whether the samples shown are not yet those that are asked for. They come after the migrations.
    pub sampling: RwSignal<bool>,
    /// Why something could not be read.
    pub unread: Unread,
    again: RwSignal<u32>,
    /// The number of the newest question: an answer to an older one comes too late.
    newest: StoredValue<u64>,
    told: StoredValue<Told>,
    page: StoredValue<(Context, Live)>,
}

type Answer = Result<Fresh<Vec<MigrationView>>, Failure>;

/// What the vCenters have told, and the tags of their answers.
#[derive(Clone, Debug, Default)]
struct Told {
    finished: Finished,
    tags: HashMap<Guid, String>,
}

impl History {
    /// Reads now, whenever the interval or the cloud changes, when a migration ends or something was done, and
    /// every 20 s.
    pub fn follow(context: Context, interval: RwSignal<Interval>, done: RwSignal<u32>) -> Self {
        let live = expect_context::<Live>();
        let history = Self {
            finished: RwSignal::default(),
            known: RwSignal::default(),
            series: RwSignal::default(),
            span_ms: RwSignal::new((0, 1)),
            clouds: RwSignal::default(),
            cloud: RwSignal::default(),
            graph: RwSignal::new("all".to_owned()),
            loaded: RwSignal::new(false),
            loading: RwSignal::new(false),
            sampled: RwSignal::new(false),
            sampling: RwSignal::new(false),
            unread: RwSignal::default(),
            again: RwSignal::new(0),
            newest: StoredValue::new(0),
            told: StoredValue::default(),
            page: StoredValue::new((context, live)),
        };
        let ended = Memo::new(move |_| {
            live.known.with(|known| known.values().filter(|m| m.state.is_final()).count())
        });
        let timer = set_interval_with_handle(
            move || {
                if !document().hidden() {
                    history.refresh();
                }
            },
            EVERY,
        );
        on_cleanup(move || {
            if let Ok(timer) = timer {
                timer.clear();
            }
        });
        Effect::new(move |before: Option<(Interval, String)>| {
            ended.track();
            done.track();
            live.again.track();
            history.again.track();
            let asked = (interval.get(), history.cloud.get());
            if before.as_ref() != Some(&asked) {
                history.loading.set(true);
                history.sampling.set(true);
            }
            if before.is_some_and(|(interval, _)| interval != asked.0) {
                history.told.set_value(Told::default());
            }
            history.begin(asked.0.seconds(), asked.1.clone());
            asked
        });
        history
    }

    /// Reads anew.
    pub fn refresh(self) {
        self.again.update(|again| *again = again.wrapping_add(1));
    }

    fn begin(self, seconds: i64, cloud: String) {
        let number = self.newest.get_value() + 1;
        self.newest.set_value(number);
        let (context, live) = self.page.get_value();
        let guids = live.vcenters.get_untracked();
        let tags = self.told.with_value(|told| told.tags.clone());
        leptos::task::spawn_local(async move {
            let now_ms = format::now().as_millisecond();
            let from_ms = now_ms - seconds * 1_000;
            let path = format!("api/migrations?since_ms={from_ms}{}", context.filter());
            let asked = guids.iter().map(|guid| {
                let (path, tag) = (&path, tags.get(guid).map(String::as_str));
                async move { (guid, api::read_if_changed::<Vec<MigrationView>>(guid, path, tag).await) }
            });
            let answers = join_all(asked).await;
            if !self.is_newest(number) {
                return;
            }
            let mut unread = self.take(&context, answers);
            self.loading.set(false);
            if let Some(guid) = guids.first() {
                let read = self.read_samples(guid, (&context, live), (from_ms, now_ms), cloud, number).await;
                if let Err(reason) = read
                    && !unread.iter().any(|(known, _)| known == guid)
                {
                    unread.push((guid.clone(), reason));
                }
            }
            if self.is_newest(number) {
                self.sampling.set(false);
                self.unread.set(unread);
            }
        });
    }

    /// Whether nothing newer was asked, and the page is still there.
    fn is_newest(self, number: u64) -> bool {
        self.newest.try_get_value() == Some(number)
    }

    /// Takes in what the vCenters tell; answers with what could not be read.
    fn take(self, context: &Context, answers: Vec<(&Guid, Answer)>) -> Vec<(Guid, Failure)> {
        let (mut unread, mut new) = (Vec::new(), false);
        self.told.update_value(|told| {
            for (guid, answer) in answers {
                match answer {
                    Ok(Fresh::Same) => {}
                    Ok(Fresh::New(some, tag)) => {
                        let own = some.into_iter().filter(|m| context.concerns(m)).collect();
                        told.finished.apply(guid, own);
                        new = true;
                        match tag {
                            Some(tag) => told.tags.insert(guid.clone(), tag),
                            None => told.tags.remove(guid),
                        };
                    }
                    // What was told before stays.
                    Err(reason) => unread.push((guid.clone(), reason)),
                }
            }
        });
        if new {
            let all = self.told.with_value(|told| told.finished.all());
            self.known.set(Arc::new(gathered(all.iter().map(|m| (m.id, m.clone())))));
            self.finished.set(all);
            self.loaded.set(true);
        }
        unread
    }

    async fn read_samples(
        self,
        guid: &Guid,
        (context, live): (&Context, Live),
        (from_ms, now_ms): (i64, i64),
        mut cloud: String,
        number: u64,
    ) -> Result<(), Failure> {
        if cloud.is_empty() {
            let finished = self.finished.try_get_untracked().unwrap_or_default();
            let clouds = known_clouds(guid, context, &finished, live).await;
            if !self.is_newest(number) {
                return Ok(());
            }
            self.clouds.set(clouds.clone());
            match clouds.into_iter().next() {
                None => {
                    self.sampled.set(true);
                    return Ok(());
                }
                Some(first) => cloud = first,
            }
        }
        let path = format!("api/samples?cloud={}&from_ms={from_ms}", api::escape(&cloud));
        let series: SampleSeries = api::read(guid, &path).await?;
        if self.is_newest(number) {
            self.span_ms.set((from_ms, now_ms));
            self.series.set(series);
            self.sampled.set(true);
        }
        Ok(())
    }
}

/// The clouds there is something to tell of: those that can be chosen now, and those of migrations that are
/// known. A user who may look but not migrate is not told the first, and does not ask.
async fn known_clouds(
    guid: &Guid,
    context: &Context,
    finished: &[Arc<MigrationView>],
    live: Live,
) -> Vec<String> {
    let mut clouds: Vec<String> = Vec::new();
    if untrack(|| live.may_in(guid, Privilege::Migrate)) {
        let path = format!("api/clouds{}", context.about());
        let offers: Vec<CloudOffer> = api::read(guid, &path).await.unwrap_or_default();
        clouds.extend(offers.into_iter().map(|offer| offer.vcenter.to_string()));
    }
    clouds.extend(finished.iter().map(|migration| migration.cloud.to_string()));
    let under_way = live.known.try_with_untracked(|known| {
        known.values().map(|migration| migration.cloud.to_string()).collect::<Vec<_>>()
    });
    clouds.extend(under_way.unwrap_or_default());
    let mut clouds = sorted(&clouds, Ord::cmp);
    clouds.dedup();
    clouds
}
