//! The backup: what it restores, and what is refused of it.

use keyward_barrier::{
    BACKUP_BYTES_MAX, Backup, BackupRefused, Epoch, HeaderRefused, NextKeepers, RecordKind, Sharing,
};
use keyward_lifecycle::{canonical, id::ContentId};
use serde_json::Value;

use crate::store::{self, MEMORY, PASSWORD, label, now, own, password};

fn backup() -> Backup {
    Backup::of(store::store().header(), now()).unwrap()
}

#[test]
fn a_backup_restores_on_an_empty_machine() {
    // RK-011, RK-030
    let store = own();
    let name = store::name(RecordKind::Secret, "s", 1);
    let row = store.seal(&name, b"value").unwrap();
    let paper = store.add_recovery(Sharing::new(2, 3).unwrap(), label("paper"), now()).unwrap();
    let bytes = Backup::of(paper.unsealed.header(), now()).unwrap().bytes().to_vec();
    let read = Backup::read(&bytes, Some(&store.root_id())).unwrap();
    assert_eq!((read.bytes(), read.created()), (bytes.as_slice(), now()));
    let by_password = read.sealed().unseal(&password(PASSWORD), MEMORY).unwrap();
    let by_paper = read.sealed().unseal_with_recovery(&paper.shares[1..], MEMORY).unwrap();
    for unsealed in [by_password, by_paper] {
        assert_eq!(unsealed.open(&name, Epoch::FIRST, &row).unwrap().expose(), b"value");
    }
}

#[test]
fn a_running_server_renews_the_backup_without_a_password() {
    // RK-027
    let next = own().begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed;
    let renewed = Backup::of(next.finalise().unwrap().header(), now()).unwrap();
    let unsealed = renewed.sealed().unseal(&password(PASSWORD), MEMORY).unwrap();
    assert_eq!(unsealed.epoch(), Epoch::new(2).unwrap());
}

#[test]
fn no_byte_of_a_backup_can_be_changed() {
    // RK-012
    let backup = backup();
    for at in 0..backup.bytes().len() {
        let mut bytes = backup.bytes().to_vec();
        bytes[at] ^= 1;
        assert!(Backup::read(&bytes, None).is_err(), "{at}");
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: &BackupRefused) {
    let mut document = store::document(backup().bytes());
    change(&mut document);
    let refused = Backup::read(&store::bytes(&document), None).unwrap_err();
    assert_eq!(&refused, expected);
}

/// Changes a backup and makes its digest anew.
#[track_caller]
fn check_with_digest(change: impl FnOnce(&mut Value), expected: &BackupRefused) {
    let digest = |document: &Value| -> ContentId {
        canonical::content_id(document, Some("digest")).unwrap()
    };
    check(
        |document| {
            change(document);
            document["digest"] = digest(document).to_string().into();
        },
        expected,
    );
}

#[test]
fn a_backup_is_refused_by_name() {
    // RK-012
    check(|d| d["createdAt"] = "2025-01-02T00:00:00Z".into(), &BackupRefused::WrongDigest);
    check(|d| d["format"] = "x".into(), &BackupRefused::AnotherFormat);
    check(|d| d["v"] = 2.into(), &BackupRefused::UnknownVersion(2));
    let changed = BackupRefused::Header(HeaderRefused::BadSignature);
    check_with_digest(|d| d["header"]["header"]["counter"] = 9.into(), &changed);
    let spaced = [backup().bytes(), b"\n"].concat();
    assert_eq!(Backup::read(&spaced, None).unwrap_err(), BackupRefused::NotCanonical);
    let long = vec![b' '; BACKUP_BYTES_MAX + 1];
    assert!(matches!(Backup::read(&long, None).unwrap_err(), BackupRefused::Malformed(_)));
    let (pinned, found) = (own().root_id(), store::store().root_id());
    assert_eq!(
        Backup::read(backup().bytes(), Some(&pinned)).unwrap_err(),
        BackupRefused::Header(HeaderRefused::AnotherRoot { pinned, found })
    );
}
