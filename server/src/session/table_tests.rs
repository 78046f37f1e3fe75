#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use hdm_shared::plugin::{CLIENT_SESSION, Privilege};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::Secret;

use super::testing::{FakeGate, vcenter};
use super::{Limits, Link, Table};
use crate::clock::ManualClock;
use crate::token::Keys;
use crate::vcenters::{Vcenter, Vcenters};

struct Setting {
    gate: Arc<FakeGate>,
    clock: Arc<ManualClock>,
    table: Arc<Table>,
    vcenters: Arc<Vcenters>,
    onprem: Arc<Vcenter>,
    second: Arc<Vcenter>,
    cloud: Arc<Vcenter>,
}

fn setting(limits: Limits) -> Setting {
    let (gate, clock) = (Arc::new(FakeGate::default()), Arc::new(ManualClock::default()));
    let vcenters = Arc::new(Vcenters::default());
    let onprem = vcenter("onprem", "guid-1", VcenterRole::Source);
    let second = vcenter("second", "guid-3", VcenterRole::Source);
    let cloud = vcenter("cloud", "guid-2", VcenterRole::Cloud);
    vcenters.put([onprem.clone(), second.clone(), cloud.clone()]);
    let keys = Arc::new(Keys::parse(&Keys::generate().unwrap()).unwrap());
    let table = Arc::new(Table::new(gate.clone(), vcenters.clone(), clock.clone(), limits, keys));
    Setting { gate, clock, table, vcenters, onprem, second, cloud }
}

fn token(text: &str) -> Secret {
    Secret::new(text)
}

#[tokio::test]
async fn all_frames_of_a_user_share_one_session() {
    let s = setting(Limits::default());
    s.gate.log_in_at("t1", "ann", Some("guid-1"), &["guid-2"]);
    let ask = || {
        let (table, onprem) = (s.table.clone(), s.onprem.clone());
        tokio::spawn(
            async move { table.exchange(&onprem, &token("t1"), None).await.map(|held| held.id).unwrap() },
        )
    };
    let frames: Vec<_> = (0..8).map(|_| ask()).collect();
    let mut ids = Vec::new();
    for frame in frames {
        ids.push(frame.await.unwrap());
    }
    ids.dedup();
    assert_eq!((ids.len(), s.table.len(), s.gate.count()), (1, 1, (1, 1)));
    // Another token of the same user, or another vCenter, is another session.
    s.gate.log_in("t2", "ann");
    s.table.exchange(&s.onprem, &token("t2"), None).await.map(drop).unwrap();
    s.table.exchange(&s.cloud, &token("t1"), None).await.map(drop).unwrap();
    assert_eq!(s.table.len(), 3);
}

#[tokio::test]
async fn renewal_needs_a_client_that_is_still_logged_in() {
    let s = setting(Limits::default());
    let session = s.gate.log_in("t1", "ann");
    let id = s.table.exchange(&s.onprem, &token("t1"), None).await.map(|held| held.id).unwrap();
    s.gate.log_out("t1");
    s.clock.advance(Duration::from_secs(29));
    assert!(s.table.exchange(&s.onprem, &token("t1"), None).await.is_ok(), "it was proved just now");
    s.clock.advance(Duration::from_secs(1));
    let failure = s.table.exchange(&s.onprem, &token("t1"), None).await.map(|_| ()).unwrap_err();
    assert!(failure.is(CLIENT_SESSION));
    assert!(s.table.enter(id).is_none(), "its session is gone too");
    until(|| session.ended() == 1).await;
    // Proof for 30 s, and a token of ours for 300 s: access ends within 6 minutes.
    assert!(Limits::default().proof.as_secs() + u64::from(crate::token::LIFE_SECONDS) < 360);
    assert!(Limits::default().menu_proof.as_secs() < 360);
}

#[tokio::test]
async fn a_linked_clouds_session_ends_with_the_clients() {
    let s = setting(Limits::default());
    let fake = s.gate.log_in_at("t1", "ann", Some("guid-1"), &["guid-2"]);
    let ann = s.table.exchange(&s.onprem, &token("t1"), None).await.map_err(drop).unwrap();
    s.table.link(&ann, &token("t1")).await;
    assert_eq!(s.table.len(), 2);
    s.gate.log_out("t1");
    s.clock.advance(Duration::from_secs(30));
    assert!(s.table.exchange(&s.onprem, &token("t1"), None).await.is_err());
    assert!(s.table.is_empty());
    until(|| fake.ended() == 2).await;
}

#[tokio::test]
async fn a_session_in_use_is_never_evicted_and_what_is_evicted_is_logged_out() {
    let s = setting(Limits { sessions: 2, ..Limits::default() });
    let sessions: Vec<_> = (0..4).map(|n| s.gate.log_in(&format!("t{n}"), "ann")).collect();
    let first = s.table.exchange(&s.onprem, &token("t0"), None).await.map_err(drop).unwrap();
    s.clock.advance(Duration::from_secs(1));
    let second = s.table.exchange(&s.onprem, &token("t1"), None).await.map(|held| held.id).unwrap();
    s.clock.advance(Duration::from_secs(1));
    // The first is older, but it answers a request.
    let third = s.table.exchange(&s.onprem, &token("t2"), None).await.map_err(drop).unwrap();
    assert!(s.table.enter(second).is_none() && s.table.enter(first.id).is_some());
    until(|| sessions[1].ended() == 1).await;
    let full = s.table.exchange(&s.onprem, &token("t3"), None).await.map(|_| ()).unwrap_err();
    assert_eq!(full.problem.status, 429, "both are in use");
    until(|| sessions[3].ended() == 1).await;
    let (oldest, newer) = (first.id, third.id);
    drop(first);
    s.clock.advance(Duration::from_secs(1));
    drop(third);
    s.table.exchange(&s.onprem, &token("t3"), None).await.map(drop).unwrap();
    assert_eq!(s.table.len(), 2);
    assert!(s.table.enter(oldest).is_none() && s.table.enter(newer).is_some());
    until(|| sessions[0].ended() == 1).await;
    assert_eq!(sessions[2].ended(), 0);
}

#[tokio::test]
async fn the_least_recently_used_goes_first() {
    let s = setting(Limits { sessions: 2, ..Limits::default() });
    for n in 0..3 {
        s.gate.log_in(&format!("t{n}"), "ann");
    }
    let mut ids = Vec::new();
    for n in 0..2 {
        s.clock.advance(Duration::from_secs(1));
        ids.push(
            s.table.exchange(&s.onprem, &token(&format!("t{n}")), None).await.map(|held| held.id).unwrap(),
        );
    }
    s.clock.advance(Duration::from_secs(1));
    drop(s.table.enter(ids[0]));
    s.clock.advance(Duration::from_secs(1));
    s.table.exchange(&s.onprem, &token("t2"), None).await.map(drop).unwrap();
    assert!(s.table.enter(ids[0]).is_some(), "it was used a second ago");
    assert!(s.table.enter(ids[1]).is_none());
}

#[tokio::test]
async fn an_idle_session_and_one_at_a_changed_vcenter_are_ended() {
    let s = setting(Limits::default());
    let (a, b) = (s.gate.log_in("a", "ann"), s.gate.log_in("b", "bob"));
    let ann = s.table.exchange(&s.onprem, &token("a"), None).await.map_err(drop).unwrap();
    let bob = s.table.exchange(&s.onprem, &token("b"), None).await.map(|held| held.id).unwrap();
    s.clock.advance(Duration::from_secs(599));
    s.table.sweep(|_| true);
    assert_eq!(s.table.len(), 2);
    s.clock.advance(Duration::from_secs(1));
    s.table.sweep(|_| true);
    assert!(s.table.enter(bob).is_none(), "nobody used it for ten minutes");
    assert!(s.table.enter(ann.id).is_some(), "a request uses it");
    until(|| b.ended() == 1).await;
    s.table.sweep(|_| false);
    assert!(s.table.is_empty());
    until(|| a.ended() == 1).await;
}

#[tokio::test]
async fn a_refused_token_is_not_asked_about_again_and_again() {
    let s = setting(Limits::default());
    for _ in 0..50 {
        let failure = s.table.exchange(&s.onprem, &token("guess"), None).await.map(|_| ()).unwrap_err();
        assert!(failure.is(CLIENT_SESSION));
    }
    assert_eq!(s.gate.asked(), ["onprem"]);
    s.clock.advance(Duration::from_secs(10));
    let _ = s.table.exchange(&s.onprem, &token("guess"), None).await;
    assert_eq!(s.gate.count().0, 2);
}

#[tokio::test]
async fn guessing_tokens_does_not_load_vcenter_without_limit() {
    let s = setting(Limits { tickets_per_second: 1, tickets_at_once: 5, ..Limits::default() });
    s.clock.advance(Duration::from_secs(60));
    let mut busy = 0;
    for n in 0..20 {
        let failure =
            s.table.exchange(&s.onprem, &token(&format!("g{n}")), None).await.map(|_| ()).unwrap_err();
        busy += usize::from(failure.problem.status == 429);
    }
    assert_eq!((busy, s.gate.count().0), (15, 5));
}

#[tokio::test]
async fn guessing_tokens_keeps_nobody_out_who_has_a_session() {
    let s = setting(Limits { tickets_per_second: 1, tickets_at_once: 5, ..Limits::default() });
    s.gate.log_in_at("t1", "ann", Some("guid-1"), &["guid-2"]);
    let ann = s.table.exchange(&s.onprem, &token("t1"), None).await.map_err(drop).unwrap();
    for _ in 0..3 {
        s.clock.advance(Duration::from_secs(30));
        let mut n = 0;
        while s
            .table
            .exchange(&s.onprem, &token(&format!("g{n}")), None)
            .await
            .is_err_and(|f| f.problem.status != 429)
        {
            n += 1;
        }
        s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    }
    s.table.link(&ann, &token("t1")).await;
    assert!(s.table.linked(&ann, "guid-2").is_some());
}

#[tokio::test]
async fn a_menu_is_answered_from_memory_until_it_is_to_be_proved() {
    let s = setting(Limits::default());
    s.gate.log_in("t1", "ann");
    assert!(s.table.warm(&s.onprem, &token("t1")).is_none());
    s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    let warm = |after: u64| {
        s.clock.advance(Duration::from_secs(after));
        s.table.warm(&s.onprem, &token("t1")).map(|(_, soon)| soon)
    };
    assert_eq!(
        (warm(0), warm(239), warm(1), warm(59), warm(1)),
        (Some(false), Some(false), Some(true), Some(true), None)
    );
}

#[tokio::test]
async fn a_lost_session_is_a_session_unknown() {
    let s = setting(Limits::default());
    let fake = s.gate.log_in("t1", "ann");
    let held = s.table.exchange(&s.onprem, &token("t1"), None).await.map_err(drop).unwrap();
    fake.lose();
    let root = held.session.root().await.unwrap();
    let mask = super::super::rights::Mask::of(|p| p == Privilege::View);
    let error = held.rights.of(held.session.as_ref(), [&root], mask, Duration::ZERO).await.unwrap_err();
    assert!(crate::problem::Failure::from(error).is(hdm_shared::plugin::SESSION_UNKNOWN));
}

#[tokio::test]
async fn a_token_is_shown_to_the_vcenter_whose_client_it_comes_from_and_to_nobody_else() {
    let s = setting(Limits::default());
    s.gate.log_in_at("t1", "ann", Some("guid-3"), &["guid-1"]);
    s.gate.log_in_at("t2", "bob", Some("guid-1"), &["guid-2"]);
    let ann = s.table.exchange(&s.onprem, &token("t1"), Some(&s.second)).await.map_err(drop).unwrap();
    assert_eq!((ann.user.as_str(), s.gate.asked()), ("ann", vec!["second".to_owned()]));
    s.clock.advance(Duration::from_secs(60));
    s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    assert_eq!(s.gate.asked()[1..], ["second"], "the one that has proved it is asked again");
    s.table.link(&ann, &token("t1")).await;
    assert!(s.table.linked(&ann, "guid-2").is_none(), "not linked");
    assert_eq!(s.gate.asked()[2..], ["second"]);
    let bob = s.table.exchange(&s.onprem, &token("t2"), None).await.map_err(drop).unwrap();
    s.table.link(&bob, &token("t2")).await;
    let linked = s.table.linked(&bob, "guid-2").map(|held| held.vcenter.id.to_string());
    assert_eq!(linked.as_deref(), Some("cloud"));
    assert_eq!(s.gate.asked()[3..], ["onprem", "onprem"], "neither the other vCenter nor the cloud");
}

#[tokio::test]
async fn whoever_has_logged_out_is_told_so_although_another_vcenter_is_down() {
    let s = setting(Limits::default());
    let fake = s.gate.log_in_at("t1", "ann", Some("guid-1"), &[]);
    s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    s.gate.take_down("second");
    s.gate.log_out("t1");
    s.clock.advance(Duration::from_secs(60));
    let failure = s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap_err();
    assert!(failure.is(CLIENT_SESSION) && s.table.is_empty());
    until(|| fake.ended() == 1).await;
    s.gate.log_in_at("t2", "bob", Some("guid-1"), &[]);
    s.table.exchange(&s.onprem, &token("t2"), None).await.map(drop).unwrap();
    s.gate.take_down("onprem");
    s.clock.advance(Duration::from_secs(60));
    let failure = s.table.exchange(&s.onprem, &token("t2"), None).await.map(drop).unwrap_err();
    assert_eq!((failure.problem.status, s.table.len()), (502, 1), "nobody has said that it has ended");
}

#[tokio::test]
async fn a_token_of_an_unlinked_vcenter_is_refused() {
    let s = setting(Limits::default());
    s.gate.log_in_at("t1", "ann", Some("guid-3"), &[]);
    let failure = s.table.exchange(&s.onprem, &token("t1"), None).await.map(|_| ()).unwrap_err();
    assert!(failure.is(CLIENT_SESSION) && s.table.is_empty());
}

#[tokio::test]
async fn a_session_that_nobody_waits_for_any_more_is_kept_or_ended_but_not_lost() {
    let s = setting(Limits::default());
    let fake = s.gate.log_in_at("t1", "ann", Some("guid-3"), &["guid-1"]);
    s.gate.silence("onprem");
    let (table, onprem, second) = (s.table.clone(), s.onprem.clone(), s.second.clone());
    let page =
        tokio::spawn(async move { table.exchange(&onprem, &token("t1"), Some(&second)).await.map(drop) });
    // The ticket is there, and vCenter is opening the session.
    until(|| s.gate.count().0 == 1).await;
    tokio::task::yield_now().await;
    page.abort();
    assert!(page.await.unwrap_err().is_cancelled());
    s.gate.speak("onprem");
    until(|| s.table.len() == 1).await;
    assert_eq!((s.gate.count(), fake.ended()), ((1, 1), 0));
    s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    assert_eq!(s.gate.count(), (1, 1), "the next one finds it");
}

#[tokio::test]
async fn one_vcenter_that_hangs_holds_up_nobody_at_another() {
    let s = setting(Limits::default());
    s.gate.log_in("t1", "ann");
    s.gate.silence("second");
    let (table, second) = (s.table.clone(), s.second.clone());
    let hanging = tokio::spawn(async move { table.exchange(&second, &token("t1"), None).await.map(drop) });
    until(|| s.gate.count().0 == 1).await;
    s.table.exchange(&s.onprem, &token("t1"), None).await.map(drop).unwrap();
    for n in 0..100 {
        let (table, second) = (s.table.clone(), s.second.clone());
        tokio::spawn(
            async move { table.exchange(&second, &token(&format!("guess-{n}")), None).await.map(drop) },
        );
    }
    until(|| s.gate.count().0 == super::MAX_UNDER_WAY + 1).await;
    let full = s.table.exchange(&s.second, &token("one more"), None).await.map(drop).unwrap_err();
    assert_eq!(full.problem.status, 429);
    s.gate.speak("second");
    hanging.await.unwrap().unwrap();
}

#[tokio::test]
async fn not_linked_and_not_known_are_told_apart() {
    let s = setting(Limits::default());
    let is = |link: Link| match link {
        Link::Linked(_) => "linked",
        Link::Unlinked => "unlinked",
        Link::Unknown => "unknown",
    };
    s.gate.log_in_at("ann", "ann", Some("guid-1"), &["guid-2"]);
    s.gate.log_in_at("bob", "bob", Some("guid-1"), &[]);
    let ann = s.table.exchange(&s.onprem, &token("ann"), None).await.map_err(drop).unwrap();
    let bob = s.table.exchange(&s.onprem, &token("bob"), None).await.map_err(drop).unwrap();
    assert_eq!(is(s.table.link_of(&ann, &s.cloud)), "unknown", "nobody has asked yet");
    s.gate.take_down("cloud");
    s.table.link(&ann, &token("ann")).await;
    s.table.link(&bob, &token("bob")).await;
    assert_eq!(is(s.table.link_of(&ann, &s.cloud)), "unknown", "there was a ticket, but no session");
    assert_eq!(is(s.table.link_of(&bob, &s.cloud)), "unlinked");
    s.clock.advance(Duration::from_secs(3_600));
    assert_eq!(is(s.table.link_of(&bob, &s.cloud)), "unknown");
}

#[tokio::test]
async fn a_cloud_that_hangs_does_not_keep_the_next_one_from_being_linked() {
    let s = setting(Limits::default());
    let other = vcenter("other", "guid-4", VcenterRole::Cloud);
    s.vcenters.put([s.onprem.clone(), s.cloud.clone(), other.clone()]);
    s.gate.log_in_at("t1", "ann", Some("guid-1"), &["guid-2", "guid-4"]);
    s.gate.silence("cloud");
    let ann = s.table.exchange(&s.onprem, &token("t1"), None).await.map_err(drop).unwrap();
    let (table, session) = (s.table.clone(), ann.clone());
    let linking = tokio::spawn(async move { table.link(&session, &token("t1")).await });
    until(|| matches!(s.table.link_of(&ann, &other), Link::Linked(_))).await;
    assert!(matches!(s.table.link_of(&ann, &s.cloud), Link::Unknown));
    // The page does not wait for ever; what it has begun goes on.
    linking.abort();
    s.gate.speak("cloud");
    until(|| matches!(s.table.link_of(&ann, &s.cloud), Link::Linked(_))).await;
}

#[tokio::test]
async fn ending_an_old_session_leaves_the_new_one_that_has_its_name() {
    let s = setting(Limits::default());
    let fake = s.gate.log_in("t1", "ann");
    let old = s.table.exchange(&s.onprem, &token("t1"), None).await.map_err(drop).unwrap();
    let changed = Arc::new(Vcenter { id: "renamed".parse().unwrap(), ..Vcenter::clone(&s.onprem) });
    s.vcenters.put([changed.clone()]);
    let new = s.table.exchange(&changed, &token("t1"), None).await.map_err(drop).unwrap();
    until(|| fake.ended() == 1).await;
    // A request in the old one finds it lost, and the sweeper looks for what is at no vCenter.
    s.table.end(&old);
    s.table.sweep(|vcenter| *vcenter == *changed);
    assert_eq!((new.id, s.table.len(), s.gate.count().1), (old.id, 1, 2));
    let again = s.table.enter(new.id).unwrap();
    assert_eq!(again.vcenter.id.as_str(), "renamed");
    s.table.exchange(&changed, &token("t1"), None).await.map(drop).unwrap();
    assert_eq!((s.gate.count().1, fake.ended()), (2, 1), "it is not opened again");
    s.table.end(&new);
    assert!(s.table.is_empty());
}

/// Waits until something that happens by itself has happened.
async fn until(happened: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it happens in time");
}
