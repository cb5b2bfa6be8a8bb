//! Calling the library, which blocks, from a server that must not.

use std::sync::Arc;

use keyward::Keyward;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{app::App, problem::Problem};

/// Runs `work` on the pool for blocking calls.
///
/// Costs two wake-ups of a thread, some 20 µs: nothing beside a durable write, which waits for a
/// disk.
pub(crate) async fn run<T, E>(
    app: &App,
    work: impl FnOnce(&Keyward) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Send + 'static,
    Problem: From<E>,
{
    let keyward: Arc<Keyward> = app.keyward.clone();
    match tokio::task::spawn_blocking(move || work(&keyward)).await {
        Ok(answer) => answer.map_err(Problem::from),
        // The work panicked, or the runtime is going down.
        Err(_) => Err(Problem::internal()),
    }
}

/// Runs `work` on this very thread: for calls that are over in microseconds while the store is at
/// ease, where waking a thread would be most of the latency. While it is not, other tasks move to
/// another thread first. In a runtime of one thread it is run on the pool.
pub(crate) async fn run_here<T, E>(
    app: &App,
    work: impl FnOnce(&Keyward) -> Result<T, E> + Send + 'static,
) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Send + 'static,
    Problem: From<E>,
{
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        let keyward = &*app.keyward;
        if keyward.is_at_ease() {
            return work(keyward).map_err(Problem::from);
        }
        return tokio::task::block_in_place(move || work(keyward)).map_err(Problem::from);
    }
    run(app, work).await
}
