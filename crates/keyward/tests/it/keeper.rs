//! Keepers: what one takes and refuses, what a server does about it, and the shares together.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keyward::keeper::{
    Action, Backoff, Finding, Keeper, KeeperSet, Link, LinkFailed, Member, Memory, ShareBytes,
    ShareHead, ShareSet, Standing, Status, Taken, Trouble, attend, gather, judge,
};
use keyward_testkit::{clock::FakeClock, share::Said};

const NOW: &str = "2025-01-01T00:00:00Z";

fn bytes(said: &Said) -> ShareBytes {
    ShareBytes::new(said.bytes().into())
}

fn head(said: &Said) -> ShareHead {
    ShareHead::read(&bytes(said)).expect("a sound share")
}

fn keeper() -> Keeper {
    Keeper::new(Arc::new(FakeClock::at(NOW)), Memory::UnlockedAllowed)
}

const fn epoch(epoch: u32, set: u8) -> Said {
    Said { epoch, set: [set; 16], ..Said::FIRST }
}

/// Puts shares one after another, and shows the last answer and the epochs held after it.
#[track_caller]
fn check(puts: &[(Said, Standing)], expected: Result<Taken, &str>, held: &[u32]) {
    let keeper = keeper();
    let answers = puts.iter().map(|(said, standing)| keeper.take(&bytes(said), *standing));
    let last = answers.last().expect("a put");
    assert_eq!(last.as_ref().map_err(|refused| refused.reason()).copied(), expected);
    let epochs: Vec<_> = keeper.status().shares.iter().map(|share| share.epoch).collect();
    assert_eq!(epochs, held);
}

use Standing::{Final, Rotating};

#[test]
fn a_keeper_takes_a_share_and_says_all_of_it_but_the_secret() {
    let keeper = keeper();
    assert_eq!(keeper.status().shares, []);
    assert_eq!(keeper.take(&bytes(&Said::FIRST), Final).ok(), Some(Taken::New));
    let Status { root, shares, memory, since } = keeper.status();
    assert_eq!(shares, [head(&Said::FIRST)]);
    assert_eq!(root, Some(shares[0].root));
    assert!(memory.is_some());
    assert_eq!(since.to_string(), NOW);
    assert_eq!(keeper.give(None)[0].expose(), Said::FIRST.bytes());
    assert_eq!(keeper.give(Some(ShareSet::from_bytes([1; 16]))).len(), 0);
    assert!(!format!("{keeper:?}{:?}", bytes(&Said::FIRST)).contains("9, 9, 9"));
}

#[test]
fn the_share_of_an_epoch_that_is_over_is_refused_by_name() {
    // RK-051
    check(&[(epoch(2, 2), Final), (epoch(1, 1), Final)], Err("stale-epoch"), &[2]);
    check(&[(epoch(2, 2), Final), (epoch(1, 1), Rotating)], Err("stale-epoch"), &[2]);
}

#[test]
fn two_epochs_are_held_while_a_rotation_is_open_and_one_when_it_is_final() {
    // RK-051
    check(&[(epoch(1, 1), Final), (epoch(2, 2), Rotating)], Ok(Taken::New), &[2, 1]);
    check(&[(epoch(2, 2), Rotating), (epoch(1, 1), Rotating)], Ok(Taken::New), &[2, 1]);
    let rotated = [(epoch(1, 1), Final), (epoch(2, 2), Rotating), (epoch(2, 2), Final)];
    check(&rotated, Ok(Taken::Same), &[2]);
    let rolled_back = [(epoch(1, 1), Final), (epoch(2, 2), Rotating), (epoch(1, 1), Final)];
    check(&rolled_back, Ok(Taken::Same), &[1]);
    let again = [(epoch(1, 1), Final), (epoch(2, 2), Rotating), (epoch(3, 3), Rotating)];
    check(&again, Ok(Taken::New), &[3, 2]);
    let late = [(epoch(3, 3), Rotating), (epoch(2, 2), Rotating), (epoch(1, 1), Rotating)];
    check(&late, Err("stale-epoch"), &[3, 2]);
}

#[test]
fn a_new_split_of_an_epoch_takes_the_place_of_the_old_one() {
    check(&[(epoch(1, 1), Final), (epoch(1, 2), Final)], Ok(Taken::Replaced), &[1]);
}

#[test]
fn two_splits_of_an_epoch_are_held_until_one_of_them_is_final() {
    let both = [(epoch(1, 1), Final), (epoch(1, 2), Rotating)];
    check(&both, Ok(Taken::New), &[1, 1]);
    check(&[&both[..], &[(epoch(1, 2), Final)]].concat(), Ok(Taken::Same), &[1]);
    check(&[&both[..], &[(epoch(1, 1), Final)]].concat(), Ok(Taken::Same), &[1]);
    check(&[&both[..], &[(epoch(1, 3), Rotating)]].concat(), Ok(Taken::New), &[1, 1]);
    // Of two that were cut off, the one that counts outlives the other.
    let ahead = [(epoch(1, 1), Final), (epoch(2, 2), Rotating), (epoch(2, 3), Rotating)];
    check(&ahead, Ok(Taken::New), &[2, 1]);
    // Whichever it is, it is one share of each.
    let second = (epoch(1, 1).of(2), Rotating);
    check(&[&both[..], &[second]].concat(), Err("second-share"), &[1, 1]);
    tended(&both, &[epoch(1, 2)], Finding::Superfluous);
    tended(&both, &[epoch(1, 1)], Finding::Superfluous);
    tended(&both, &[epoch(1, 3)], Finding::Wrong { epoch: 1 });
}

#[test]
fn a_foreign_share_is_refused_until_the_keeper_is_started_again() {
    // RK-051
    let foreign = Said { root: [6; 32], ..epoch(9, 9) };
    check(&[(epoch(1, 1), Final), (foreign, Final)], Err("foreign-root"), &[1]);
    let keeper = keeper();
    keeper.take(&bytes(&Said::FIRST), Final).expect("a share");
    keeper.clear();
    assert_eq!(keeper.status().shares, []);
    let refused = keeper.take(&bytes(&foreign), Final).expect_err("still of another store");
    assert_eq!(refused.reason(), "foreign-root");
}

#[test]
fn a_second_share_of_one_split_is_refused_and_so_is_another_in_its_place() {
    // RK-051: one keeper with two shares would make k of n fewer.
    check(&[(Said::FIRST, Final), (Said::FIRST.of(2), Final)], Err("second-share"), &[1]);
    let other = Said { value: 1, ..Said::FIRST };
    check(&[(Said::FIRST, Final), (other, Final)], Err("altered"), &[1]);
}

#[test]
fn every_changed_byte_of_a_share_is_noticed() {
    let sound = Said::FIRST.bytes();
    for place in 0..sound.len() {
        let mut altered = sound.clone();
        altered[place] ^= 1;
        let keeper = keeper();
        let refused = keeper.take(&ShareBytes::new(altered.into()), Final);
        let reason = refused.expect_err("an altered share").reason();
        let expected = if place == 0 { "unknown-version" } else { "altered" };
        assert_eq!(reason, expected, "byte {place}");
        assert_eq!(keeper.status().shares, []);
    }
}

#[test]
fn what_is_no_share_of_a_keeper_is_refused() {
    let person = Said { kind: 2, ..Said::FIRST };
    check(&[(person, Final)], Err("another-kind"), &[]);
    let refused = keeper().take(&ShareBytes::new(Vec::new().into()), Final);
    assert_eq!(refused.expect_err("nothing").reason(), "malformed");
}

/// A keeper in this process, which may lie.
pub(crate) struct Near {
    pub(crate) keeper: Keeper,
    lies: Mutex<Option<Result<Vec<u8>, LinkFailed>>>,
}

impl Near {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { keeper: keeper(), lies: Mutex::new(None) })
    }

    fn with(said: &Said) -> Arc<Self> {
        let near = Self::new();
        near.keeper.take(&bytes(said), Final).expect("a share");
        near
    }

    fn lying(answer: Result<Vec<u8>, LinkFailed>) -> Arc<Self> {
        Arc::new(Self { keeper: keeper(), lies: Mutex::new(Some(answer)) })
    }
}

impl Link for Near {
    fn status(&self) -> Result<Status, LinkFailed> {
        Ok(self.keeper.status())
    }

    fn put(&self, share: &ShareBytes, standing: Standing) -> Result<(), LinkFailed> {
        let refused = |refused: keyward::keeper::TakeRefused| LinkFailed::Refused {
            reason: refused.reason().to_owned(),
            detail: refused.to_string(),
        };
        self.keeper.take(share, standing).map(drop).map_err(refused)
    }

    fn fetch(&self, set: Option<ShareSet>) -> Result<Vec<ShareBytes>, LinkFailed> {
        match self.lies.lock().expect("no panic").clone() {
            Some(lie) => lie.map(|bytes| vec![ShareBytes::new(bytes.into())]),
            None => Ok(self.keeper.give(set)),
        }
    }

    fn clear(&self) -> Result<(), LinkFailed> {
        self.keeper.clear();
        Ok(())
    }
}

/// Tends a keeper that holds `held`, and shows what was found, and that it is current after it.
#[track_caller]
fn tended(held: &[(Said, Standing)], expected: &[Said], finding: Finding) {
    let near = Near::new();
    for (said, standing) in held {
        near.keeper.take(&bytes(said), *standing).expect("a share");
    }
    let heads: Vec<_> = expected.iter().map(head).collect();
    let shares = || Some(expected.iter().map(bytes).collect());
    assert_eq!(attend(&*near, &heads, shares), Ok(finding));
    assert_eq!(judge(&heads, &near.keeper.status()), Finding::Current);
}

#[test]
fn a_server_refills_and_replaces_until_every_keeper_is_current() {
    // RK-050
    let (old, new) = (epoch(1, 1), epoch(2, 2));
    tended(&[(new, Final)], &[new], Finding::Current);
    tended(&[], &[new], Finding::Empty);
    tended(&[], &[new, old], Finding::Empty);
    tended(&[(old, Final)], &[new], Finding::Stale { epoch: 1 });
    tended(&[(old, Final)], &[new, old], Finding::Incomplete);
    tended(&[(old, Final), (new, Rotating)], &[new], Finding::Superfluous);
    tended(&[(old, Final), (new, Rotating)], &[old], Finding::Ahead { epoch: 2 });
    tended(&[(epoch(2, 9), Final)], &[new], Finding::Wrong { epoch: 2 });
    tended(&[(new.of(2), Final)], &[new], Finding::Wrong { epoch: 2 });
    tended(&[(Said { value: 1, ..new }, Final)], &[new], Finding::Wrong { epoch: 2 });
}

#[test]
fn a_keeper_of_another_store_is_left_alone() {
    let foreign = Said { root: [6; 32], ..Said::FIRST };
    let near = Near::with(&foreign);
    let found = attend(&*near, &[head(&Said::FIRST)], || unreachable!("no share is needed"));
    let finding = Finding::Foreign { root: head(&foreign).root };
    assert_eq!((found, finding.action()), (Ok(finding), Action::Alarm));
    assert_eq!(near.keeper.status().shares, [head(&foreign)]);
    near.keeper.clear();
    assert_eq!(judge(&[head(&Said::FIRST)], &near.keeper.status()), finding);
}

#[test]
fn a_server_from_an_old_copy_does_not_take_a_newer_share_away() {
    let near = Near::with(&epoch(2, 2));
    let shares = || Some(vec![bytes(&epoch(1, 1))]);
    let refused = attend(&*near, &[head(&epoch(1, 1))], shares).expect_err("it is newer");
    assert!(matches!(&refused, LinkFailed::Refused { reason, .. } if reason == "stale-epoch"));
    assert_eq!(near.keeper.status().shares, [head(&epoch(2, 2))]);
}

#[test]
fn a_sealed_server_looks_and_does_nothing() {
    let near = Near::new();
    assert_eq!(attend(&*near, &[head(&Said::FIRST)], || None), Ok(Finding::Empty));
    assert_eq!(near.keeper.status().shares, []);
}

fn set() -> KeeperSet {
    let shares = (1..=3).map(|index| (format!("k{index}"), head(&Said::FIRST.of(index))));
    KeeperSet::new(shares.collect()).expect("a whole set")
}

fn members(links: [Arc<Near>; 3]) -> Vec<Member> {
    let named = links.into_iter().zip(1..);
    named.map(|(link, at)| Member { name: format!("k{at}"), link }).collect()
}

#[test]
fn two_of_three_are_enough_whatever_the_third_does() {
    // RK-050, RK-051
    let good = |index| Near::with(&Said::FIRST.of(index));
    let thirds = [
        Near::new(),
        Near::lying(Err(LinkFailed::Unreachable("gone".to_owned()))),
        Near::lying(Ok(b"nonsense".to_vec())),
        Near::with(&Said::FIRST.of(1)),
        Near::with(&epoch(2, 8)),
        Near::lying(Ok(Said { value: 77, ..Said::FIRST.of(3) }.bytes())),
    ];
    for third in thirds {
        let gathered = gather(&set(), &members([good(1), third, good(2)])).expect("enough");
        let indices = gathered.shares.iter().map(|share| ShareHead::read(share).expect("sound"));
        let mut indices: Vec<_> = indices.map(|share| share.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, [1, 2]);
    }
}

/// One good share and one that is not: what is said of the other.
#[track_caller]
fn doubted(lie: Result<Said, LinkFailed>, expected: Trouble) {
    let liar = Near::lying(lie.map(|said| said.bytes()));
    let silent = Near::lying(Err(LinkFailed::Unreachable("gone".to_owned())));
    let members = members([Near::with(&Said::FIRST.of(1)), liar, silent]);
    let too_few = gather(&set(), &members).expect_err("one share is not enough");
    assert_eq!((too_few.have, too_few.need), (1, 2));
    let mut troubles = too_few.troubles.into_iter();
    let (_, trouble) = troubles.find(|(name, _)| name == "k2").expect("k2's");
    assert_eq!(trouble, expected);
}

#[test]
fn each_share_that_is_not_used_is_refused_by_name() {
    // RK-051: before any use.
    let second = Said::FIRST.of(2);
    let foreign = Said { root: [6; 32], ..second };
    doubted(Ok(foreign), Trouble::ForeignRoot { found: head(&foreign).root });
    doubted(Ok(Said { set: [1; 16], ..second }), Trouble::ForeignSet);
    doubted(Ok(epoch(2, 8).of(2)), Trouble::StaleEpoch { expected: 1, found: 2 });
    doubted(Ok(Said { value: 77, ..second }), Trouble::Altered { index: 2 });
    doubted(Ok(Said { threshold: 3, ..second }), Trouble::Altered { index: 2 });
    let nonsense = LinkFailed::Nonsense("half an answer".to_owned());
    doubted(Err(nonsense.clone()), Trouble::Link(nonsense));
}

#[test]
fn one_share_from_two_keepers_counts_once() {
    // RK-051
    let same = || Near::with(&Said::FIRST.of(1));
    let too_few = gather(&set(), &members([same(), same(), Near::new()])).expect_err("one share");
    assert_eq!(too_few.have, 1);
    let duplicate = |(_, trouble): &(String, Trouble)| *trouble == Trouble::Duplicate { index: 1 };
    assert_eq!(too_few.troubles.iter().filter(|trouble| duplicate(trouble)).count(), 1);
}

#[test]
fn a_set_is_whole_or_it_is_none() {
    let shares = |indices: &[u8]| {
        let shares = indices.iter().map(|index| (String::new(), head(&Said::FIRST.of(*index))));
        KeeperSet::new(shares.collect())
    };
    assert!(shares(&[1, 2, 3]).is_some());
    assert_eq!(
        [shares(&[]), shares(&[1, 2]), shares(&[1, 3, 2]), shares(&[1, 1, 3])],
        [None, None, None, None]
    );
}

#[test]
fn waiting_doubles_and_ends_at_a_minute() {
    let mut backoff = Backoff::new();
    let waits: Vec<_> = (0..8).map(|_| backoff.wait().as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(Backoff::default().wait(), Duration::from_secs(1));
}
