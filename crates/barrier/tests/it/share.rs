//! Shares: which of them unseal, and what every other one is refused for.

use keyward_barrier::{
    KeeperShare, MalformedShare, NextKeepers, RecoveryShare, SHARE_BYTES, Sealed, ShareRefused,
    Sharing, UnsealError, Unsealed,
};
use proptest::{prelude::*, sample::subsequence};

use crate::store::{self, Copied as _, MEMORY, altered, copies, keepers, label, now, own, sealed};

fn sharing(threshold: u8, count: u8) -> Sharing {
    Sharing::new(threshold, count).unwrap()
}

fn with_recovery() -> (Unsealed, Vec<RecoveryShare>) {
    let added = own().add_recovery(sharing(2, 3), label("paper"), now()).unwrap();
    (added.unsealed, added.shares)
}

fn with_keepers(store: &Unsealed) -> (Unsealed, Vec<KeeperShare>) {
    let set = store.set_keepers(2, &keepers(&["a", "b", "c"])).unwrap();
    (set.unsealed, set.shares)
}

#[track_caller]
fn refused(result: Result<Unsealed, UnsealError>) -> ShareRefused {
    let error = result.unwrap_err();
    let UnsealError::Share(refused) = error else { panic!("{error:?}") };
    refused
}

#[track_caller]
fn check_recovery(sealed: &Sealed, shares: &[RecoveryShare], expected: &ShareRefused) {
    assert_eq!(&refused(sealed.unseal_with_recovery(shares, MEMORY)), expected);
}

#[track_caller]
fn check_keepers(sealed: &Sealed, shares: &[KeeperShare], expected: &ShareRefused) {
    assert_eq!(&refused(sealed.unseal_with_keepers(shares, MEMORY)), expected);
}

#[test]
fn any_threshold_of_shares_unseals_and_fewer_do_not() {
    // RK-050, RK-051
    let (store, paper) = with_recovery();
    let (store, held) = with_keepers(&store);
    for leave in 0..3 {
        let paper: Vec<_> = (0..3).filter(|at| *at != leave).map(|at| paper[at].copied()).collect();
        assert!(sealed(&store).unseal_with_recovery(&paper, MEMORY).is_ok());
        let held: Vec<_> = (0..3).filter(|at| *at != leave).map(|at| held[at].copied()).collect();
        assert!(sealed(&store).unseal_with_keepers(&held, MEMORY).is_ok());
    }
    assert!(sealed(&store).unseal_with_keepers(&held, MEMORY).is_ok());
    let few = ShareRefused::TooFew { have: 1, need: 2 };
    check_recovery(&sealed(&store), &paper[..1], &few);
    check_keepers(&sealed(&store), &held[..1], &few);
    check_keepers(&sealed(&store), &[], &ShareRefused::TooFew { have: 0, need: 2 });
}

#[test]
fn a_share_given_twice_is_refused() {
    // RK-051
    let (store, paper) = with_recovery();
    let (store, held) = with_keepers(&store);
    let twice = [paper[1].copied(), paper[1].copied()];
    check_recovery(&sealed(&store), &twice, &ShareRefused::Duplicate { index: 2 });
    let twice = [held[0].copied(), held[2].copied(), held[0].copied()];
    check_keepers(&sealed(&store), &twice, &ShareRefused::Duplicate { index: 1 });
}

#[test]
fn a_share_of_another_store_or_set_is_refused() {
    // RK-051
    let (store, paper) = with_recovery();
    let (store, held) = with_keepers(&store);
    let (other, foreign) = with_recovery();
    let (other, foreign_held) = with_keepers(&other);
    let (expected, found) = (store.root_id(), other.root_id());
    let root = ShareRefused::ForeignRoot { index: 1, expected, found };
    check_recovery(&sealed(&store), &[paper[1].copied(), foreign[0].copied()], &root);
    check_recovery(&sealed(&store), &foreign, &root);
    check_keepers(&sealed(&store), &[held[1].copied(), foreign_held[0].copied()], &root);

    // A set of the same store and epoch that was replaced.
    let (again, fresh) = with_keepers(&store);
    let set = ShareRefused::ForeignSet { index: 3, found: held[2].set() };
    check_keepers(&sealed(&again), &[fresh[0].copied(), held[2].copied()], &set);
    let second = store.add_recovery(sharing(2, 2), label("more"), now()).unwrap();
    let set = ShareRefused::ForeignSet { index: 2, found: second.shares[1].set() };
    let mixed = [paper[0].copied(), second.shares[1].copied()];
    check_recovery(&sealed(&second.unsealed), &mixed, &set);
    assert!(sealed(&second.unsealed).unseal_with_recovery(&second.shares, MEMORY).is_ok());
}

#[test]
fn shares_of_two_epochs_are_not_mixed() {
    // RK-051
    let (store, held) = with_keepers(&own());
    let next = store.begin_rotation(NextKeepers::AsBefore, now()).unwrap();
    let stale = |index, expected: &Unsealed, found: &Unsealed| ShareRefused::StaleEpoch {
        index,
        expected: expected.epoch(),
        found: found.epoch(),
    };
    let mixed = [next.keeper_shares[0].copied(), held[1].copied()];
    check_keepers(&sealed(&next.unsealed), &mixed, &stale(2, &next.unsealed, &store));
    check_keepers(&sealed(&store), &mixed, &stale(1, &store, &next.unsealed));
    assert!(sealed(&next.unsealed).unseal_with_keepers(&next.keeper_shares, MEMORY).is_ok());
}

#[test]
fn every_epoch_and_every_set_has_polynomials_of_its_own() {
    // RK-051
    let (store, held) = with_keepers(&own());
    let (_, again) = with_keepers(&store);
    let next = store.begin_rotation(NextKeepers::AsBefore, now()).unwrap().keeper_shares;
    for at in 0..3 {
        // The 32 bytes of the share alone: `docs/format/share.md` §1.
        let values = [&held, &again, &next].map(|shares| shares[at].to_bytes()[57..89].to_vec());
        assert_ne!(values[0], values[1]);
        assert_ne!(values[0], values[2]);
    }
}

#[test]
fn no_byte_of_a_share_can_be_changed() {
    // RK-051
    let (store, paper) = with_recovery();
    let (store, held) = with_keepers(&store);
    for at in 0..SHARE_BYTES {
        let mut bytes = held[0].to_bytes();
        bytes[at] ^= 1;
        let expected =
            if at == 0 { MalformedShare::UnknownVersion(0) } else { MalformedShare::WrongCheck };
        assert_eq!(KeeperShare::read(&bytes).unwrap_err(), expected, "{at}");
    }
    // Whoever makes the check anew meets the digest in the header.
    for at in [57, 88] {
        let liar = KeeperShare::read(&altered(&held[0].to_bytes(), at)).unwrap();
        let refused = ShareRefused::Altered { index: 1 };
        assert_eq!(store.header().check_keeper_share(&liar).unwrap_err(), refused);
        assert!(store.header().check_keeper_share(&held[0]).is_ok());
        check_keepers(&sealed(&store), &[held[1].copied(), liar], &refused);
        let liar = RecoveryShare::read(&altered(&paper[2].to_bytes(), at)).unwrap();
        let refused = ShareRefused::Altered { index: 3 };
        assert_eq!(store.header().check_recovery_share(&liar).unwrap_err(), refused);
        assert!(store.header().check_recovery_share(&paper[0]).is_ok());
        check_recovery(&sealed(&store), &[paper[1].copied(), liar], &refused);
    }
    // A reordered share: its index is part of what the digest covers.
    let moved = altered(&held[0].to_bytes(), 54);
    assert!(matches!(KeeperShare::read(&moved).unwrap_err(), MalformedShare::Malformed(_)));
}

#[test]
fn a_store_without_shares_says_so() {
    let (_, paper) = with_recovery();
    let (_, held) = with_keepers(&own());
    let store = own();
    check_recovery(&sealed(&store), &paper, &ShareRefused::NoneExpected);
    check_keepers(&sealed(&store), &held, &ShareRefused::NoneExpected);
}

#[test]
fn a_share_on_paper_reads_as_people_type_it() {
    let (store, paper) = with_recovery();
    let text = paper[0].to_text();
    assert!(text.starts_with("KWR1-") && text.len() == 4 + 156 + 32, "{}", text.len());
    for typed in [text.to_lowercase(), text.replace('-', " "), format!(" {}\n", text.as_str())] {
        let read = RecoveryShare::parse(&typed).unwrap();
        assert_eq!(read.digest(), paper[0].digest());
        assert!(store.header().check_recovery_share(&read).is_ok());
    }
    let check = |text: &str, expected: MalformedShare| {
        assert_eq!(RecoveryShare::parse(text).unwrap_err(), expected, "{text}");
    };
    let slip = |at: usize| {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    check(&slip(20), MalformedShare::WrongCheck);
    check(&slip(101), MalformedShare::WrongCheck);
    check(&text.replacen("KWR1", "KWR2", 1), MalformedShare::UnknownVersion(2));
    let kind = MalformedShare::AnotherKind { expected: "recovery share" };
    check(&text.replacen("KWR1", "KWK1", 1), kind.clone());
    check("KWR1-AAAAA", MalformedShare::Malformed("it is too short"));
    check(&format!("{}-AAAAA", text.as_str()), MalformedShare::Malformed("it is too long"));
    check("hello world", MalformedShare::Malformed("it does not start with KWR1 or KWK1"));
    let (_, held) = with_keepers(&store);
    assert_eq!(RecoveryShare::read(&held[0].to_bytes()).unwrap_err(), kind);
}

#[test]
fn a_server_refills_its_keepers() {
    // RK-050
    let (store, held) = with_keepers(&own());
    let store = sealed(&store).unseal(&store::password(store::PASSWORD), MEMORY).unwrap();
    let again = store.keeper_shares().unwrap();
    let digests =
        |shares: &[KeeperShare]| -> Vec<_> { shares.iter().map(KeeperShare::digest).collect() };
    assert_eq!(digests(&again), digests(&held));
    let known = store.header().keepers().unwrap();
    let named = keepers(&["b"]);
    assert_eq!(known.index_of(&named[0]), Some(2));
    assert_eq!(known.digest(2), Some(&held[1].digest()));
    let dropped = store.drop_keepers().unwrap();
    assert!(dropped.keeper_shares().unwrap().is_empty());
    check_keepers(&sealed(&dropped), &held, &ShareRefused::NoneExpected);
}

#[test]
fn terms_and_names_of_keepers_are_checked() {
    for (threshold, count) in [(1, 1), (1, 3), (4, 3), (2, 33)] {
        assert!(Sharing::new(threshold, count).is_err(), "{threshold} of {count}");
    }
    let refused = |threshold, names: &[&str]| {
        own().set_keepers(threshold, &keepers(names)).unwrap_err().to_string()
    };
    assert!(refused(2, &["a", "b", "a"]).starts_with("keeper `a` is named twice"));
    assert!(refused(3, &["a", "b"]).starts_with("3 of 2 shares are no sharing"));
}

#[test]
fn no_share_is_printed() {
    // RK-003
    let (_, paper) = with_recovery();
    let set = paper[0].set();
    assert_eq!(format!("{:?}", paper[0]), format!("Share(1 of set {set}, epoch 1, ..)"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    // RK-051
    #[test]
    fn any_subset_of_the_threshold_opens_and_any_smaller_does_not(
        (threshold, count, chosen) in (2_u8..=5).prop_flat_map(|threshold| {
            (threshold..=9).prop_flat_map(move |count| {
                let all: Vec<usize> = (0..usize::from(count)).collect();
                let chosen = subsequence(all, usize::from(threshold)).prop_shuffle();
                (Just(threshold), Just(count), chosen)
            })
        }),
    ) {
        let terms = Sharing::new(threshold, count).unwrap();
        let added = store::store().add_recovery(terms, label("paper"), now()).unwrap();
        let all = copies(&added.shares);
        let chosen: Vec<_> = chosen.into_iter().map(|at| all[at].copied()).collect();
        let sealed = sealed(&added.unsealed);
        prop_assert!(sealed.unseal_with_recovery(&chosen, MEMORY).is_ok());
        let fewer = refused(sealed.unseal_with_recovery(&chosen[1..], MEMORY));
        let have = usize::from(threshold) - 1;
        prop_assert_eq!(fewer, ShareRefused::TooFew { have, need: threshold });
    }

    #[test]
    fn arbitrary_texts_are_no_shares(text in ".{0,300}", tail in "[A-Z2-7]{0,200}") {
        prop_assert!(RecoveryShare::parse(&text).is_err());
        let prefixed = ["KWK1-", &tail].concat();
        prop_assert!(KeeperShare::parse(&prefixed).is_err());
    }
}
