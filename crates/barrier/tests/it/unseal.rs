//! Unsealing with a password.

use keyward_barrier::{Epoch, RecordKind, Sealed, UnsealError};

use crate::store::{self, MEMORY, PASSWORD, password};

#[test]
fn the_password_opens_what_was_sealed_before() {
    let created = store::fresh(PASSWORD);
    let name = store::name(RecordKind::PrivateKey, "key-2025-prod", 1);
    let record = created.unsealed.seal(&name, b"seed").unwrap();
    let epoch = created.unsealed.epoch();
    drop(created.unsealed);

    let sealed = Sealed::read(created.header.bytes(), Some(&created.header.root_id())).unwrap();
    let unsealed = sealed.unseal(&password(PASSWORD), MEMORY).unwrap();
    assert_eq!(unsealed.check_key(), Ok(()));
    assert_eq!(unsealed.root_id(), created.header.root_id());
    assert_eq!(unsealed.epoch(), Epoch::FIRST);
    assert_eq!(unsealed.open(&name, epoch, &record).unwrap().expose(), b"seed");
}

#[test]
fn a_wrong_password_leaves_everything_as_it_was() {
    // RK-052
    let header = store::store().header().bytes();
    let sealed = Sealed::read(header, None).unwrap();
    for wrong in ["correct horse battery stapl", "correct horse battery staple ", "x"] {
        let refused = sealed.unseal(&password(wrong), MEMORY).unwrap_err();
        assert!(matches!(refused, UnsealError::WrongPassword), "{refused:?}");
    }
    assert_eq!(sealed.header().bytes(), header);
    assert!(sealed.unseal(&password(PASSWORD), MEMORY).is_ok());
}

#[test]
fn two_stores_share_nothing() {
    let (one, other) = (store::fresh(PASSWORD), store::fresh(PASSWORD));
    assert_ne!(one.header.root_id(), other.header.root_id());
    let [one, other] = [&one, &other].map(|made| store::document(made.header.bytes()));
    for member in ["identity", "identityRecord", "check"] {
        assert_ne!(one["header"][member], other["header"][member], "{member}");
    }
    for member in ["id", "public", "wrapped"] {
        let [one, other] = [&one, &other].map(|d| d["header"]["slots"][0][member].clone());
        assert_ne!(one, other, "{member}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    // RK-003
    let created = store::fresh(PASSWORD);
    let root = created.header.root_id();
    assert_eq!(format!("{:?}", created.unsealed), format!("Unsealed({root}, epoch 1, ..)"));
    let name = store::name(RecordKind::Secret, "s", 1);
    let record = created.unsealed.seal(&name, b"swordfish").unwrap();
    let opened = created.unsealed.open(&name, Epoch::FIRST, &record).unwrap();
    assert_eq!(format!("{opened:?}"), "OpenedSecret(..)");
}

#[test]
fn the_kind_of_memory_is_told() {
    // RK-004
    let names = ["memfd_secret", "mlock", "unlocked"];
    assert!(names.contains(&store::store().memory().name()));
}
