//! Epochs that follow each other: what still opens, what no longer does, and the way back.

use keyward_barrier::{
    Epoch, ExternalFailed, ExternalKey, FreshSlots, NextEpoch, NextKeepers, OpenRefused,
    RecordKind, RecordName, RecoveryShare, RotationRefused, ShareRefused, Sharing, SlotId,
    UnsealError, Unsealed,
};
use zeroize::Zeroizing;

use crate::store::{
    self, MEMORY, PASSWORD, keepers, label, now, own, password, password_terms, sealed,
};

const FRESH: &str = "seven other words of nobody at all";

fn name() -> RecordName {
    store::name(RecordKind::PrivateKey, "key-1", 1)
}

struct Holder;

impl ExternalKey for Holder {
    fn wrap(&self, _: &str, _: &[u8], seed: &[u8; 32]) -> Result<Vec<u8>, ExternalFailed> {
        Ok(seed.to_vec())
    }

    fn unwrap(&self, _: &str, _: &[u8], blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, ExternalFailed> {
        Ok(Zeroizing::new(blob.to_vec()))
    }
}

/// A store with a slot of every kind, and keepers.
struct Full {
    store: Unsealed,
    paper: Vec<RecoveryShare>,
    token: SlotId,
}

fn full() -> Full {
    let added = own().add_recovery(Sharing::new(2, 3).unwrap(), label("paper"), now()).unwrap();
    let (store, token) =
        added.unsealed.add_external("kms://aws/key/1", &Holder, label("kms"), now()).unwrap();
    let store = store.set_keepers(2, &keepers(&["a", "b", "c"])).unwrap().unsealed;
    Full { store, paper: added.shares, token }
}

impl Full {
    /// Unseals `now` in every way that there is.
    fn every_way(&self, now: &Unsealed) -> [Unsealed; 4] {
        let sealed = sealed(now);
        let held = now.keeper_shares().unwrap();
        [
            sealed.unseal(&password(PASSWORD), MEMORY).unwrap(),
            sealed.unseal_with_recovery(&self.paper, MEMORY).unwrap(),
            sealed.unseal_with_external(self.token, &Holder, MEMORY).unwrap(),
            sealed.unseal_with_keepers(&held, MEMORY).unwrap(),
        ]
    }
}

#[test]
fn every_kind_of_slot_opens_the_next_epoch_without_having_been_asked() {
    // RK-021, RK-022, RK-051
    let full = full();
    let old = full.store.seal(&name(), b"seed").unwrap();
    let next = full.store.begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed;
    let second = Epoch::new(2).unwrap();
    assert_eq!((next.epoch(), next.sealing_epoch()), (second, second));
    assert_eq!(next.previous_epoch(), Some(Epoch::FIRST));
    assert_eq!(next.header().counter().number(), full.store.header().counter().number() + 1);
    let new = next.seal(&name(), b"new").unwrap();
    for unsealed in full.every_way(&next) {
        assert_eq!(unsealed.check_key(), Ok(()));
        assert_eq!(unsealed.open(&name(), Epoch::FIRST, &old).unwrap().expose(), b"seed");
        assert_eq!(unsealed.open(&name(), second, &new).unwrap().expose(), b"new");
    }
    let last = next.finalise().unwrap();
    assert_eq!((last.epoch(), last.previous_epoch()), (second, None));
    for unsealed in full.every_way(&last) {
        assert_eq!(unsealed.open(&name(), second, &new).unwrap().expose(), b"new");
        let gone = unsealed.open(&name(), Epoch::FIRST, &old).unwrap_err();
        assert!(matches!(gone, OpenRefused::EpochNotHeld { .. }), "{gone:?}");
    }
}

#[test]
fn a_rotation_is_rolled_back_until_it_is_final() {
    // RK-028
    let full = full();
    let former = full.store.header().clone();
    let old = full.store.seal(&name(), b"seed").unwrap();
    let next = full.store.begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed;
    // A slot that is added meanwhile leads back, too.
    let (next, _) = next.add_password(&password(FRESH), password_terms("late")).unwrap();
    let written = next.sealing_under(Epoch::FIRST).unwrap().seal(&name(), b"late").unwrap();
    let back = next.rolled_back(&former).unwrap();
    assert_eq!((back.epoch(), back.previous_epoch()), (Epoch::FIRST, None));
    assert!(back.header().counter() > next.header().counter());
    for unsealed in full.every_way(&back) {
        assert_eq!(unsealed.open(&name(), Epoch::FIRST, &old).unwrap().expose(), b"seed");
        assert_eq!(unsealed.open(&name(), Epoch::FIRST, &written).unwrap().expose(), b"late");
    }
    assert!(sealed(&back).unseal(&password(FRESH), MEMORY).is_ok());
    // The abandoned epoch's number is not used again, for another key.
    let third = back.begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed;
    assert_eq!(third.epoch(), Epoch::new(3).unwrap());
    let third = sealed(&third).unseal(&password(PASSWORD), MEMORY).unwrap();
    assert_eq!(third.previous_epoch(), Some(Epoch::FIRST));

    let refused = third.rolled_back(own().header()).unwrap_err();
    assert!(matches!(refused, RotationRefused::AnotherFormer(Epoch::FIRST)), "{refused:?}");
    let last = third.finalise().unwrap();
    let refused = last.rolled_back(back.header()).unwrap_err();
    assert!(matches!(refused, RotationRefused::NoneOpen), "{refused:?}");
}

#[test]
fn one_rotation_at_a_time() {
    let next = own().begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed;
    let refused = next.begin_rotation(NextKeepers::AsBefore, now()).unwrap_err();
    assert!(matches!(refused, RotationRefused::AlreadyOpen(Epoch::FIRST)), "{refused:?}");
    let refused = next.finalise().unwrap().finalise().unwrap_err();
    assert!(matches!(refused, RotationRefused::NoneOpen), "{refused:?}");
}

#[test]
fn a_removed_keeper_holds_nothing_of_the_next_epoch() {
    // RK-050, RK-051
    let store = own().set_keepers(2, &keepers(&["a", "b", "c"])).unwrap();
    let among = NextKeepers::Among { threshold: 2, names: keepers(&["a", "c"]) };
    let next = store.unsealed.begin_rotation(among, now()).unwrap();
    assert_eq!(next.unsealed.header().keepers().unwrap().names(), keepers(&["a", "c"]));
    let refused = next.unsealed.header().check_keeper_share(&store.shares[1]).unwrap_err();
    assert!(matches!(refused, ShareRefused::StaleEpoch { index: 2, .. }), "{refused:?}");
    let nobody = next.unsealed.finalise().unwrap();
    let nobody = nobody.begin_rotation(NextKeepers::Nobody, now()).unwrap();
    assert!(nobody.unsealed.header().keepers().is_none() && nobody.keeper_shares.is_empty());
}

fn emergency(store: &Unsealed) -> Result<NextEpoch, RotationRefused> {
    let fresh = password(FRESH);
    let fresh = FreshSlots {
        passwords: vec![(&fresh, password_terms("fresh"))],
        recovery: Some((Sharing::new(2, 2).unwrap(), label("paper"))),
        keepers: NextKeepers::AsBefore,
    };
    store.begin_emergency(fresh, now())
}

#[test]
fn after_an_emergency_no_old_way_opens_anything() {
    // RK-020
    let full = full();
    let old = full.store.seal(&name(), b"seed").unwrap();
    let held = full.store.keeper_shares().unwrap();
    let next = emergency(&full.store).unwrap();
    let now_sealed = sealed(&next.unsealed);
    let refused = now_sealed.unseal(&password(PASSWORD), MEMORY).unwrap_err();
    assert!(matches!(refused, UnsealError::WrongPassword), "{refused:?}");
    let refused = now_sealed.unseal_with_recovery(&full.paper, MEMORY).unwrap_err();
    assert!(
        matches!(refused, UnsealError::Share(ShareRefused::ForeignSet { index: 1, .. })),
        "{refused:?}"
    );
    let refused = now_sealed.unseal_with_external(full.token, &Holder, MEMORY).unwrap_err();
    assert!(matches!(refused, UnsealError::NoSuchSlot(_)), "{refused:?}");
    let refused = now_sealed.unseal_with_keepers(&held, MEMORY).unwrap_err();
    assert!(matches!(refused, UnsealError::Share(ShareRefused::StaleEpoch { .. })), "{refused:?}");
    for unsealed in [
        now_sealed.unseal(&password(FRESH), MEMORY).unwrap(),
        now_sealed.unseal_with_recovery(&next.recovery_shares, MEMORY).unwrap(),
        now_sealed.unseal_with_keepers(&next.keeper_shares, MEMORY).unwrap(),
    ] {
        assert!(unsealed.header().is_emergency());
        assert_eq!(unsealed.open(&name(), Epoch::FIRST, &old).unwrap().expose(), b"seed");
        // There is no way back to the key that others may know.
        let refused = unsealed.rolled_back(full.store.header()).unwrap_err();
        assert!(matches!(refused, RotationRefused::Emergency), "{refused:?}");
    }
    assert!(!next.unsealed.finalise().unwrap().header().is_emergency());
}

#[test]
fn an_emergency_demands_fresh_ways_in() {
    // RK-020
    let store = own();
    let none = FreshSlots { passwords: Vec::new(), recovery: None, keepers: NextKeepers::AsBefore };
    let refused = store.begin_emergency(none, now()).unwrap_err();
    assert!(matches!(refused, RotationRefused::NoFreshSlot), "{refused:?}");
    let old = password(PASSWORD);
    let stale = FreshSlots {
        passwords: vec![(&old, password_terms("again"))],
        recovery: None,
        keepers: NextKeepers::AsBefore,
    };
    let refused = store.begin_emergency(stale, now()).unwrap_err();
    assert!(matches!(refused, RotationRefused::PasswordNotFresh(1)), "{refused:?}");
}
