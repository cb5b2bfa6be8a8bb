//! What Prometheus reads of stored secrets. While the store is sealed there is nothing to say.

use keyward::secret::SecretStanding;
use metrics::{describe_gauge, gauge};

use super::{flag, float};

pub(super) fn secrets(standing: Option<SecretStanding>) {
    let Some(standing) = standing else { return };
    describe_gauge!("keyward_secrets", "Secrets, by whether their paths open");
    describe_gauge!("keyward_secrets_loaded", "1 once every path is in the index");
    describe_gauge!("keyward_secret_policies_unreadable", "Policies that grant nothing: damaged");
    describe_gauge!("keyward_secrets_memory_bytes", "Memory that sealed values of secrets hold");
    for (state, count) in [("readable", standing.listed), ("unreadable", standing.unreadable)] {
        gauge!("keyward_secrets", "state" => state).set(float(count));
    }
    gauge!("keyward_secrets_loaded").set(flag(standing.loaded));
    gauge!("keyward_secret_policies_unreadable").set(float(standing.policies_unreadable));
    gauge!("keyward_secrets_memory_bytes").set(float(standing.memory_bytes));
}
