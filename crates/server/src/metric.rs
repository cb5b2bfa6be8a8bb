//! What Prometheus reads: the runbook's five metrics under its names and types, and those that
//! they leave out (traps HA-23).
//!
//! What the store is, is told anew at each reading, so that a revoked key has no series any
//! more; requests are counted as they come.

mod keeper;
mod root;
mod secret;

use std::{collections::BTreeMap, fmt, time::Duration};

use axum::http::{Method, StatusCode};
use keyward::{ExecuteError, Keyward};
use keyward_lifecycle::{id::ProfileName, state::State, time::Timestamp};
use metrics::{
    Key, Label, Level, Metadata, Recorder as _, SharedString, Unit, counter, describe_counter,
    describe_gauge, gauge, with_local_recorder,
};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::{root::RootCare, worker::Standing};

/// Upper bounds of the buckets for durations, in seconds: from a buffered signature to a batch.
const SECONDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5,
    10.0,
];
const REQUESTS: &str = "keyward_http_requests_total";
const DURATION: &str = "keyward_http_request_duration_seconds";

/// Counts and durations of requests since the start.
pub(crate) struct Requests {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder =
            match builder.set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &SECONDS) {
                Ok(builder) => builder,
                // The list of bounds is not empty, which is all that is asked of it.
                Err(_) => PrometheusBuilder::new(),
            };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let text = SharedString::const_str;
        recorder.describe_counter(REQUESTS.into(), None, text("Requests, by route and status"));
        recorder.describe_histogram(
            DURATION.into(),
            Some(Unit::Seconds),
            text("Time from a request's head to its answer, by route"),
        );
        Self { recorder, handle }
    }

    /// Counts a request.
    pub(crate) fn note(
        &self,
        method: &Method,
        route: &'static str,
        status: StatusCode,
        took: Duration,
    ) {
        let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            _ => "other",
        };
        let labels =
            [Label::from_static_parts("method", method), Label::from_static_parts("route", route)];
        let duration = Key::from_parts(DURATION, labels.to_vec());
        self.recorder.register_histogram(&duration, &metadata).record(took.as_secs_f64());
        let [method, route] = labels;
        let status = Label::new("status", status.as_u16().to_string());
        let count = Key::from_parts(REQUESTS, vec![method, route, status]);
        self.recorder.register_counter(&count, &metadata).increment(1);
    }

    /// Folds what was recorded into the histograms, so that it does not grow.
    pub(crate) fn tidy(&self) {
        self.handle.run_upkeep();
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

/// Everything, in the text format of Prometheus (version 0.0.4).
///
/// # Errors
/// [`ExecuteError::Unavailable`] when the store cannot be read.
pub(crate) fn text(
    keyward: &Keyward,
    (standing, care): (&Standing, &RootCare),
    requests: &Requests,
) -> Result<String, ExecuteError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let status = keyward.status()?;
    let pending = keyward.pending_rescans(None)?;
    let (view, secrets) = (keyward.root_view(), keyward.secret_standing());
    with_local_recorder(&recorder, || {
        describe();
        let (state, now) = (keyward.state(), keyward.now());
        keys(&state, now);
        let counts = state.counts();
        counter!("signer_keys_revoked_total").absolute(counts.keys_revoked);
        counter!("signer_rotation_events_total").absolute(counts.rotations);
        counter!("signer_verification_key_lookups_total").absolute(keyward.lookups());
        counter!("signer_commands_refused_total").absolute(counts.refusals);
        failures(keyward);
        forgeries(keyward);
        gauge!("signer_pending_rescans").set(float(pending));
        gauge!("keyward_anchors_universal").set(universal_anchors(&state));
        if let Some(end) = status.authority_expires_at {
            gauge!("keyward_authority_expiry_seconds").set(root::seconds(end));
        }
        gauge!("keyward_log_size").set(float(status.log_size));
        gauge!("keyward_ledger_size").set(float(status.ledger_size));
        gauge!("keyward_sealed").set(flag(!status.unsealed));
        gauge!("keyward_quarantined").set(flag(status.quarantine.is_some()));
        gauge!("keyward_halted").set(flag(status.halted));
        gauge!("keyward_pin_failed").set(flag(status.pin_failure.is_some()));
        gauge!("signer_rotation_successors_failed").set(float(standing.failed()));
        root::root(keyward, &view, (care, standing));
        secret::secrets(secrets);
    });
    let mut text = recorder.handle().render();
    requests.tidy();
    text.push_str(&requests.handle.render());
    Ok(text)
}

/// The keys that sign, by profile and each.
fn keys(state: &State, now: Timestamp) {
    let mut active: BTreeMap<&ProfileName, u64> =
        state.profiles().map(|profile| (&profile.name, 0)).collect();
    for key in state.keys().filter(|key| key.status(now).signs()) {
        let name = &key.record.profile;
        let count = active.entry(name).or_default();
        *count = count.saturating_add(1);
        let labels = [("key_id", key.record.key_id.to_string()), ("profile", name.to_string())];
        let age = u64::try_from(now.days_since(key.created_at)).unwrap_or(0);
        gauge!("signer_key_age_days", &labels).set(float(age));
        let Some(profile) = state.profile(name) else { continue };
        let end = key.created_at.plus_months(i32::from(profile.rotation.max_age_months));
        let most = u64::try_from(end.days_since(key.created_at)).unwrap_or(0);
        gauge!("signer_key_max_age_days", &labels).set(float(most));
    }
    for (profile, count) in active {
        gauge!("signer_keys_active_total", "profile" => profile.to_string()).set(float(count));
        gauge!("signer_keys_active", "profile" => profile.to_string()).set(float(count));
    }
}

/// Anchors that judge every package that no other does (traps HA-13).
fn universal_anchors(state: &State) -> f64 {
    let active = state.anchors().filter(|(_, anchor)| anchor.is_active());
    let universal = active.filter(|(_, anchor)| anchor.record.pattern.is_universal());
    float(universal.count() as u64)
}

/// Verifications that did not end valid (SO-042).
fn failures(keyward: &Keyward) {
    for (failure, count) in keyward.failures() {
        let labels = [
            ("anchor", failure.anchor_id.map(|id| id.to_string()).unwrap_or_default()),
            ("key", failure.key_id.map(|id| id.to_string()).unwrap_or_default()),
            ("reason", failure.reason.to_owned()),
        ];
        counter!("signer_verification_failures_total", &labels).absolute(count);
    }
}

/// Good signatures that this store never made.
fn forgeries(keyward: &Keyward) {
    for (key_id, count) in keyward.forgeries_shown() {
        let labels = [("key_id", key_id.to_string())];
        counter!("signer_signatures_not_in_ledger_total", &labels).absolute(count);
    }
}

fn describe() {
    describe_gauge!("signer_key_age_days", "Age of each active key in days");
    describe_gauge!(
        "signer_key_max_age_days",
        "Age at which each active key is past its time, in days"
    );
    // The runbook's name for a gauge: linters reject the suffix (traps HA-23).
    describe_gauge!("signer_keys_active_total", "Number of active keys per profile");
    describe_gauge!("signer_keys_active", "Number of active keys per profile");
    describe_counter!("signer_keys_revoked_total", "Total revoked keys");
    describe_counter!("signer_rotation_events_total", "Key rotation events");
    describe_counter!("signer_verification_key_lookups_total", "Temporal key lookups");
    describe_counter!("signer_commands_refused_total", "Commands that a rule refused");
    describe_counter!(
        "signer_verification_failures_total",
        "Verifications that did not end valid since the start, by anchor, key and reason"
    );
    describe_counter!(
        "signer_signatures_not_in_ledger_total",
        "Times that a good signature which this store never made was shown since the start"
    );
    describe_gauge!(
        "signer_pending_rescans",
        "Proofs that a revocation touches and that are not judged again yet"
    );
    describe_gauge!(
        "signer_rotation_successors_failed",
        "Due keys whose successor could not be staged at the last try"
    );
    describe_gauge!(
        "keyward_anchors_universal",
        "Active anchors that judge every package which no other judges"
    );
    describe_gauge!(
        "keyward_authority_expiry_seconds",
        "When verifiers stop following the authority document, in seconds since 1970"
    );
    describe_gauge!("keyward_log_size", "Leaves of the log");
    describe_gauge!("keyward_ledger_size", "Entries of the signature ledger");
    describe_gauge!("keyward_sealed", "1 while the root key is not in memory");
    describe_gauge!("keyward_quarantined", "1 while the log is shorter than one seen before");
    describe_gauge!(
        "keyward_pin_failed",
        "1 while the newest checkpoint cannot be kept outside the database"
    );
    describe_gauge!("keyward_halted", "1 once the writer has stopped for want of certainty");
}

/// A count as Prometheus has it; exact below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a gauge is a double")]
fn float(count: u64) -> f64 {
    count as f64
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}
