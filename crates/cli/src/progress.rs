//! How progress bars look.

use indicatif::{ProgressState, ProgressStyle};

/// A style in which `{rate}` is how much is done in a second.
pub(crate) fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    // The default shows as much.
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // It is shown anew in a moment.
        let _shown = text.write_str(&rate(state.per_sec()));
    })
}

/// Whole numbers: nobody reads the rest of one that changes all the time.
fn rate(in_a_second: f64) -> String {
    format!("{in_a_second:.0}/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_whole_number() {
        let shown = [0.0, 0.4, 1234.5678, 99_999.9].map(rate);
        assert_eq!(shown, ["0/s", "0/s", "1235/s", "100000/s"]);
    }
}
