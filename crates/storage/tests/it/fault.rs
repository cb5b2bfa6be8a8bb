//! The faults that tests inject are those that adapters have.

use keyward::storage::{AppendError, ReadError, Storage as _};
use keyward_storage::memory::Memory;
use keyward_testkit::fault::{Fault, Faulty};

use super::sample::{after, assert_batches, batch, fill};

#[test]
fn lost_before_nothing_is_written_and_the_next_append_is_as_any() {
    let store = Faulty::new(Memory::new());
    let armed = store.clone();
    armed.arm(2, Fault::LostBefore);
    fill(&store, 0, 2);
    let lost = store.append(after(2), &batch(2));
    assert!(matches!(lost, Err(AppendError::Unavailable(_))), "{lost:?}");
    assert_batches(&store, 2);
    fill(&store, 2, 4);
    assert_batches(&store, 4);
    assert_eq!(armed.appends(), 5);
}

#[test]
fn lost_after_all_is_written_and_appends_halt_until_it_is_opened_anew() {
    let store = Faulty::new(Memory::new());
    fill(&store, 0, 1);
    store.arm(0, Fault::LostAfter);
    let lost = store.append(after(1), &batch(1));
    assert!(matches!(lost, Err(AppendError::Unknown(_))), "{lost:?}");
    assert_batches(&store, 2);
    let halted = store.append(after(2), &batch(2));
    assert!(matches!(halted, Err(AppendError::Unavailable(_))), "{halted:?}");
    assert_batches(&store, 2);
    store.reopen();
    fill(&store, 2, 3);
    assert_batches(store.store(), 3);
}

#[test]
fn an_append_in_conflict_is_not_lost() {
    let store = Faulty::new(Memory::new());
    fill(&store, 0, 1);
    store.arm(0, Fault::LostAfter);
    let conflict = store.append(after(0), &batch(0));
    assert!(matches!(conflict, Err(AppendError::Conflict { .. })), "{conflict:?}");
    fill(&store, 1, 2);
}

#[test]
fn what_is_unreadable_is_so_until_it_is_not() {
    let store = Faulty::new(Memory::new());
    store.set_unreadable(true);
    let unread = store.heads();
    assert!(matches!(unread, Err(ReadError::Unavailable(_))), "{unread:?}");
    store.set_unreadable(false);
    assert_batches(&store, 0);
}
