//! Shares: what any threshold of them gives, and what fewer do not.

use keyward_crypto::share::{CombineFailed, Part, SHARES_MAX, SplitFailed, combine, split};
use proptest::{collection::vec, prelude::*, sample::subsequence};
use zeroize::Zeroizing;

fn copy(part: &Part) -> Part {
    Part { index: part.index, value: Zeroizing::new(part.value.to_vec()) }
}

proptest! {
    // RK-051
    #[test]
    fn any_threshold_of_shares_gives_the_secret_and_fewer_do_not(
        secret in vec(any::<u8>(), 16..=64),
        (threshold, count, chosen) in (2_u8..=8).prop_flat_map(|threshold| {
            (threshold..=16).prop_flat_map(move |count| {
                let all: Vec<usize> = (0..usize::from(count)).collect();
                let chosen = subsequence(all, usize::from(threshold)).prop_shuffle();
                (Just(threshold), Just(count), chosen)
            })
        }),
    ) {
        let parts = split(&secret, threshold, count).unwrap();
        prop_assert_eq!(parts.len(), usize::from(count));
        let chosen: Vec<Part> = chosen.into_iter().map(|at| copy(&parts[at])).collect();
        let combined = combine(&chosen).unwrap();
        prop_assert_eq!(combined.as_slice(), secret.as_slice());
        if threshold > 2 {
            let fewer = combine(&chosen[1..]).unwrap();
            prop_assert_ne!(fewer.as_slice(), secret.as_slice());
        }
    }
}

#[test]
fn every_split_has_polynomials_of_its_own() {
    // RK-051
    let [one, other] = [(); 2].map(|()| split(&[7; 32], 2, 3).unwrap());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.index, other.index);
        assert_ne!(one.value, other.value);
    }
    let mixed = [copy(&one[0]), copy(&other[1])];
    assert_ne!(combine(&mixed).unwrap().as_slice(), [7; 32]);
}

#[test]
fn what_is_split_has_limits() {
    for (threshold, count) in [(0, 3), (1, 3), (4, 3), (2, SHARES_MAX + 1)] {
        assert_eq!(
            split(&[7; 32], threshold, count).unwrap_err(),
            SplitFailed::Terms { threshold, count }
        );
    }
    assert_eq!(split(&[], 2, 3).unwrap_err(), SplitFailed::Length(0));
    assert_eq!(split(&[0; 65], 2, 3).unwrap_err(), SplitFailed::Length(65));
    assert_eq!(split(&[1; 64], SHARES_MAX, SHARES_MAX).unwrap().len(), usize::from(SHARES_MAX));
}

#[test]
fn what_is_no_set_of_shares_is_refused() {
    let parts = split(&[7; 32], 2, 3).unwrap();
    assert_eq!(combine(&parts[..1]).unwrap_err(), CombineFailed::Count(1));
    let twice = [copy(&parts[0]), copy(&parts[1]), copy(&parts[0])];
    assert_eq!(combine(&twice).unwrap_err(), CombineFailed::Twice(1));
    let short = Part { index: 9, value: Zeroizing::new(vec![1; 31]) };
    assert_eq!(combine(&[copy(&parts[0]), short]).unwrap_err(), CombineFailed::Malformed(9));
    let zero = Part { index: 0, value: Zeroizing::new(vec![1; 32]) };
    assert_eq!(combine(&[copy(&parts[0]), zero]).unwrap_err(), CombineFailed::Malformed(0));
    assert_eq!(format!("{:?}", parts[0]), "Part(1, ..)");
}
