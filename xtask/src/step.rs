//! A run is a list of named steps; each prints its name and how long it took.

use crate::Failure;
use std::time::{Duration, Instant};

/// The steps run so far and those that failed, in order.
#[derive(Debug, Default)]
pub(crate) struct Run {
    done: usize,
    failed: Vec<&'static str>,
}

impl Run {
    /// Runs one step. A failure is printed and remembered, so that the steps after it still
    /// tell what they have to tell.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), Failure>) {
        println!("==> {name}");
        let (outcome, took) = timed(work);
        self.done = self.done.saturating_add(1);
        match outcome {
            Ok(()) => println!("    {name}: ok, {:.1} s", took.as_secs_f64()),
            Err(failure) => {
                println!("{failure}");
                println!("    {name}: FAILED, {:.1} s", took.as_secs_f64());
                self.failed.push(name);
            }
        }
    }

    /// What the run comes to; the first failing step stands first.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        let Some((first, rest)) = self.failed.split_first() else {
            println!("==> all {} steps passed", self.done);
            return Ok(());
        };
        let failure = Failure::new(format!("the step `{first}` failed"));
        if rest.is_empty() {
            return Err(failure);
        }
        Err(failure.hint(format!("after it failed too: {}", rest.join(", "))))
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a step took is for the developer's eyes")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = work();
    (outcome, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::Run;
    use crate::Failure;

    #[test]
    fn the_first_step_that_failed_is_named_first() {
        let mut run = Run::default();
        run.step("one", || Ok(()));
        run.step("two", || Err(Failure::new("broken")));
        run.step("three", || Err(Failure::new("broken too")));
        let said = run.end().map_err(|failure| failure.to_string());
        assert_eq!(
            said,
            Err("error: the step `two` failed\nhint: after it failed too: three".to_owned())
        );
    }

    #[test]
    fn a_run_without_failures_ends_well() {
        let mut run = Run::default();
        run.step("one", || Ok(()));
        assert_eq!(run.end(), Ok(()));
    }
}
