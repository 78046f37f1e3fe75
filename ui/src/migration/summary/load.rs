//! Reading what was finished, and the samples.

use std::sync::Arc;

use hdm_shared::cloud::CloudOffer;
use hdm_shared::migration::MigrationView;
use hdm_shared::sample::SampleSeries;
use leptos::prelude::*;

use crate::api::{self, Failure};
use crate::format;
use crate::model::changes::Known;
use crate::model::history::Interval;
use crate::page::context::Context;
use crate::page::live::Live;

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
    /// Why something could not be read.
    pub failure: RwSignal<Option<Failure>>,
    again: RwSignal<u32>,
    live: Live,
}

impl History {
    /// Reads now, whenever the interval or the cloud changes, when a migration ends, and every 20 s.
    pub fn follow(context: Context, interval: RwSignal<Interval>) -> Self {
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
            failure: RwSignal::new(None),
            again: RwSignal::new(0),
            live,
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
        Effect::new(move || {
            ended.track();
            history.again.track();
            let cloud = history.cloud.get();
            let seconds = interval.get().seconds();
            leptos::task::spawn_local(history.read(context.clone(), seconds, cloud));
        });
        history
    }

    /// Reads anew.
    pub fn refresh(self) {
        self.again.update(|again| *again = again.wrapping_add(1));
    }

    async fn read(self, context: Context, seconds: i64, cloud: String) {
        let now_ms = format::now().as_millisecond();
        let from_ms = now_ms - seconds * 1_000;
        let mut all = Vec::new();
        let mut failure = None;
        for guid in &context.guids {
            let path = format!("api/migrations?since_ms={from_ms}{}", context.filter());
            match api::read::<Vec<MigrationView>>(guid, &path).await {
                Ok(some) => all.extend(some),
                Err(reason) => failure = Some(reason),
            }
        }
        all.retain(|migration| context.concerns(migration));
        // Two vCenters may tell of the same migration: the one it left and the one it came to.
        all.sort_by(|a, b| b.ended_at.cmp(&a.ended_at).then_with(|| b.id.cmp(&a.id)));
        all.dedup_by(|a, b| a.id == b.id);
        let all: Vec<Arc<MigrationView>> = all.into_iter().map(Arc::new).collect();
        // The page may have been left meanwhile.
        if self.loaded.try_get_untracked().is_none() {
            return;
        }
        if failure.is_none() || !all.is_empty() {
            self.known.set(Arc::new(all.iter().map(|m| (m.id, m.clone())).collect()));
            self.finished.set(all);
        }
        if let Err(reason) = self.read_samples(&context, from_ms, now_ms, cloud).await {
            failure = failure.or(Some(reason));
        }
        if self.loaded.try_get_untracked().is_some() {
            self.failure.set(failure);
            self.loaded.set(true);
        }
    }

    async fn read_samples(
        self,
        context: &Context,
        from_ms: i64,
        now_ms: i64,
        cloud: String,
    ) -> Result<(), Failure> {
        let guid = context.guid();
        let mut cloud = cloud;
        if cloud.is_empty() {
            let finished = self.finished.try_get_untracked().unwrap_or_default();
            let clouds = known_clouds(context, &finished, self.live).await;
            if self.clouds.try_set(clouds.clone()).is_some() {
                return Ok(());
            }
            match clouds.first() {
                None => return Ok(()),
                Some(first) => cloud.clone_from(first),
            }
        }
        let path = format!("api/samples?cloud={}&from_ms={from_ms}", api::escape(&cloud));
        let series: SampleSeries = api::read(&guid, &path).await?;
        let _ = self.span_ms.try_set((from_ms, now_ms));
        let _ = self.series.try_set(series);
        Ok(())
    }
}

/// The clouds there is something to tell of: those that can be chosen now, and those of migrations that are
/// known. A user who may look but not migrate is not told the first.
async fn known_clouds(context: &Context, finished: &[Arc<MigrationView>], live: Live) -> Vec<String> {
    let path = format!("api/clouds{}", context.about());
    let offers: Vec<CloudOffer> = api::read(&context.guid(), &path).await.unwrap_or_default();
    let mut clouds: Vec<String> = offers.into_iter().map(|offer| offer.vcenter.to_string()).collect();
    clouds.extend(finished.iter().map(|migration| migration.cloud.to_string()));
    let under_way = live.known.try_with_untracked(|known| {
        known.values().map(|migration| migration.cloud.to_string()).collect::<Vec<_>>()
    });
    clouds.extend(under_way.unwrap_or_default());
    clouds.sort();
    clouds.dedup();
    clouds
}
