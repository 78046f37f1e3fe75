//! What a user may do, remembered for a short while.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdm_shared::plugin::Privilege;
use hdm_vsphere::{Error, MoRef};

use super::user::UserSession;

/// How long an answer is believed. A privilege that is taken away is gone within this, and the time it takes to ask.
pub const BELIEVED: Duration = Duration::from_secs(30);
/// How long an answer is good enough for a menu.
const LATELY: Duration = Duration::from_secs(300);
/// About how many objects vCenter is asked before somebody else has a turn.
const PART: usize = 1_000;
/// How long it is believed that an object is gone: ids are not used again.
const GONE_BELIEVED: Duration = Duration::from_secs(300);
/// How many objects are remembered; then what is old is forgotten.
const MAX_KNOWN: usize = 30_000;

/// A set of HDM's privileges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u8);

impl Mask {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Privilege::ALL.len()) - 1);

    /// Those that satisfy a condition.
    pub fn of(holds: impl Fn(Privilege) -> bool) -> Self {
        Self(Privilege::ALL.into_iter().filter(|p| holds(*p)).fold(0, |bits, p| bits | Self::bit(p)))
    }

    /// The privileges in it.
    pub fn iter(self) -> impl Iterator<Item = Privilege> {
        Privilege::ALL.into_iter().filter(move |privilege| self.has(*privilege))
    }

    /// Whether a privilege is in it.
    pub fn has(self, privilege: Privilege) -> bool {
        self.0 & Self::bit(privilege) != 0
    }

    /// Whether all of another set are in it.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn bit(privilege: Privilege) -> u8 {
        let place = Privilege::ALL.iter().position(|known| *known == privilege).unwrap_or(0);
        1 << place
    }
}

/// What vCenter says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The user holds these privileges on it.
    Holds(Mask),
    /// There is no such object.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    asked: Mask,
    answer: Answer,
    at: Duration,
}

impl Known {
    fn is_good(self, wanted: Mask, now: Duration) -> bool {
        let life = if self.answer == Answer::Gone { GONE_BELIEVED } else { BELIEVED };
        now.saturating_sub(self.at) < life && self.asked.covers(wanted)
    }
}

/// What is known of one user's rights at one vCenter.
#[derive(Debug, Default)]
pub struct Rights {
    known: Mutex<HashMap<MoRef, Known>>,
    asking: tokio::sync::Mutex<()>,
    scope: AtomicI64,
}

impl Rights {
    /// Nothing is known. `scope` is where [`Self::scope`] begins.
    pub fn beginning_at(scope: i64) -> Self {
        Self { scope: AtomicI64::new(scope), ..Self::default() }
    }

    /// A number that changes when it turns out that the user may see something no more, or newly. What a
    /// page was told before may then be too much or too little.
    pub fn scope(&self) -> i64 {
        self.scope.load(Ordering::Relaxed)
    }

    /// What the user may do to these objects, of what is `wanted`; vCenter is asked for what is not known.
    pub async fn of<'a>(
        &self,
        session: &dyn UserSession,
        objects: impl IntoIterator<Item = &'a MoRef>,
        wanted: Mask,
        now: Duration,
    ) -> Result<HashMap<MoRef, Answer>, Error> {
        let objects: Vec<&MoRef> = objects.into_iter().collect();
        let mut found = HashMap::with_capacity(objects.len());
        let mut missing = self.recall(&objects, wanted, now, &mut found);
        while !missing.is_empty() {
            // Two frames of one user ask for the same; the second finds it answered. After each part whoever
            // waits has a turn, so that a menu does not wait for a long list.
            let _turn = self.asking.lock().await;
            let wanting: Vec<&MoRef> = missing.iter().collect();
            missing = self.recall(&wanting, wanted, now, &mut found);
            let rest = missing.split_off(missing.len().min(PART));
            let part = std::mem::replace(&mut missing, rest);
            if !part.is_empty() {
                let answers = session.held(&part, wanted).await?;
                self.learn(part, answers, wanted, now, &mut found);
            }
        }
        Ok(found)
    }

    /// Takes in what vCenter has answered about objects.
    pub(crate) fn learn(
        &self,
        objects: Vec<MoRef>,
        answers: Vec<(MoRef, Answer)>,
        wanted: Mask,
        now: Duration,
        found: &mut HashMap<MoRef, Answer>,
    ) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.len();
        if known.len() + objects.len() > MAX_KNOWN {
            known.retain(|_, known| known.is_good(Mask::NONE, now));
        }
        if known.len() + objects.len() > MAX_KNOWN {
            known.clear();
        }
        // Of what is forgotten nobody could tell any more that it has changed.
        let mut moved = known.len() < before;
        let mut answers: HashMap<MoRef, Answer> = answers.into_iter().collect();
        for object in objects {
            // What vCenter does not speak of is not permitted.
            let answer = answers.remove(&object).unwrap_or(Answer::Holds(Mask::NONE));
            let new = Known { asked: wanted, answer, at: now };
            let old = known.insert(object.clone(), new);
            moved |= old.is_some_and(|old| shown(old) != shown(new) && old.asked.has(Privilege::View));
            found.insert(object, answer);
        }
        if moved {
            self.scope.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was known lately, if it was of all of them, for a menu, which allows nothing. The flag says that
    /// it is to be asked anew.
    pub fn lately(
        &self,
        objects: &[&MoRef],
        wanted: Mask,
        now: Duration,
    ) -> Option<(HashMap<MoRef, Answer>, bool)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashMap::with_capacity(objects.len());
        let mut old = false;
        for &object in objects {
            let known = known.get(object)?;
            if !known.asked.covers(wanted) || now.saturating_sub(known.at) >= LATELY {
                return None;
            }
            old |= !known.is_good(wanted, now);
            found.insert(object.clone(), known.answer);
        }
        Some((found, old))
    }

    /// Fills in what is known, and returns what is not, each once.
    fn recall(
        &self,
        objects: &[&MoRef],
        wanted: Mask,
        now: Duration,
        found: &mut HashMap<MoRef, Answer>,
    ) -> Vec<MoRef> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = std::collections::BTreeSet::new();
        for &object in objects {
            match known.get(object) {
                Some(known) if known.is_good(wanted, now) => {
                    found.insert(object.clone(), known.answer);
                }
                _ => {
                    missing.insert(object.clone());
                }
            }
        }
        missing.into_iter().collect()
    }
}

/// What a page shows of an object: whether it is there, and whether it can be acted on.
fn shown(known: Known) -> (bool, bool) {
    let has = |privilege| matches!(known.answer, Answer::Holds(mask) if mask.has(privilege));
    (has(Privilege::View), has(Privilege::Migrate))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::session::table::testing::FakeSession;

    const VIEW: Mask = Mask(1);

    fn vm(n: u32) -> MoRef {
        MoRef::new("VirtualMachine", format!("vm-{n}"))
    }

    #[test]
    fn a_mask_holds_what_was_put_into_it() {
        let mask = Mask::of(|p| p == Privilege::Migrate || p == Privilege::Administer);
        assert_eq!(mask.iter().collect::<Vec<_>>(), [Privilege::Migrate, Privilege::Administer]);
        assert!(Mask::ALL.covers(mask) && !mask.covers(Mask::ALL) && mask.covers(Mask::NONE));
    }

    #[tokio::test]
    async fn vcenter_is_asked_once_in_half_a_minute_and_only_for_what_is_missing() {
        let session = FakeSession::default();
        session.grant(&vm(1), VIEW);
        let rights = Rights::default();
        let second = Duration::from_secs(1);
        let first = rights.of(&session, &[vm(1), vm(2)], VIEW, second).await.unwrap();
        assert_eq!(first[&vm(1)], Answer::Holds(VIEW));
        assert_eq!(first[&vm(2)], Answer::Holds(Mask::NONE));
        rights.of(&session, &[vm(2), vm(1), vm(3)], VIEW, 30 * second).await.unwrap();
        assert_eq!(session.asked(), [vec![vm(1), vm(2)], vec![vm(3)]]);
        rights.of(&session, &[vm(1)], VIEW, 31 * second).await.unwrap();
        assert_eq!(session.asked().len(), 3, "after half a minute it is asked again");
        rights.of(&session, &[vm(1)], Mask::ALL, 31 * second).await.unwrap();
        assert_eq!(session.asked().len(), 4, "other privileges are another question");
    }

    #[tokio::test]
    async fn a_long_list_is_asked_about_in_parts_and_each_is_kept() {
        let session = FakeSession::default();
        let rights = Rights::default();
        let many: Vec<MoRef> = (0..2_500).map(vm).collect();
        session.lose_after(2);
        let asked = rights.of(&session, &many, VIEW, Duration::ZERO).await;
        assert!(matches!(asked, Err(Error::SessionLost { .. })));
        session.find();
        let all = rights.of(&session, &many, VIEW, Duration::ZERO).await.unwrap();
        let parts: Vec<usize> = session.asked().iter().map(Vec::len).collect();
        assert_eq!((all.len(), parts), (2_500, vec![1_000, 1_000, 500]), "what is known is not asked again");
    }

    #[tokio::test]
    async fn what_is_forgotten_changes_the_scope() {
        let session = FakeSession::default();
        let rights = Rights::default();
        let many = |from: u32| (from..from + 20_000).map(vm).collect::<Vec<_>>();
        rights.of(&session, &many(0), VIEW, Duration::ZERO).await.unwrap();
        assert_eq!(rights.scope(), 0);
        rights.of(&session, &many(20_000), VIEW, Duration::ZERO).await.unwrap();
        assert_eq!(rights.scope(), 1);
    }

    #[tokio::test]
    async fn a_menu_is_told_what_was_known_lately() {
        let session = FakeSession::default();
        let rights = Rights::default();
        let second = Duration::from_secs(1);
        rights.of(&session, &[vm(1)], VIEW, Duration::ZERO).await.unwrap();
        let lately = |after: u32| rights.lately(&[&vm(1)], VIEW, after * second).map(|(_, old)| old);
        assert_eq!(
            [0, 29, 30, 299, 300].map(lately),
            [Some(false), Some(false), Some(true), Some(true), None]
        );
        assert!(rights.lately(&[&vm(1), &vm(2)], VIEW, second).is_none());
        assert!(rights.lately(&[&vm(1)], Mask::ALL, second).is_none());
    }

    #[tokio::test]
    async fn a_privilege_that_comes_or_goes_changes_the_scope() {
        let session = FakeSession::default();
        session.grant(&vm(1), VIEW);
        let rights = Rights::beginning_at(7);
        let minute = Duration::from_secs(60);
        rights.of(&session, &[vm(1), vm(2)], VIEW, minute).await.unwrap();
        rights.of(&session, &[vm(1), vm(2)], VIEW, 2 * minute).await.unwrap();
        assert_eq!(rights.scope(), 7);
        session.grant(&vm(1), Mask::NONE);
        let now = rights.of(&session, &[vm(1), vm(2)], VIEW, 3 * minute).await.unwrap();
        assert_eq!((now[&vm(1)], rights.scope()), (Answer::Holds(Mask::NONE), 8));
        session.grant(&vm(2), VIEW);
        rights.of(&session, &[vm(1), vm(2)], VIEW, 4 * minute).await.unwrap();
        assert_eq!(rights.scope(), 9);
    }
}
