//! A run as the folder that Jepsen would have left of it: `NAME/TIME/` with history, results, a timeline, plots of latencies and rates,
//! and a log for each node.
//!
//! Deliberately absent: Jepsen's own binary format.

use murphy_checker::write;
use murphy_sim::What;

use super::{plots, timeline};
use crate::{
    finding::Finding,
    picture::{Selection, verbose},
};

/// The files of the folder, by name.
pub(crate) fn files(finding: &Finding) -> Vec<(String, Vec<u8>)> {
    let outcome = &finding.outcome;
    let text = [
        ("history.edn", write::to_edn(&outcome.history)),
        ("history.txt", write::to_table(&outcome.history)),
        ("results.edn", results(finding)),
        ("timeline.html", timeline::html(outcome, &finding.folder_name())),
        ("latency-raw.svg", plots::latencies(outcome, &finding.target)),
        ("rate.svg", plots::rates(outcome, &finding.target)),
        ("jepsen.log", verbose(outcome, &Selection::ALL)),
        ("schedule.murphy", finding.text().to_string()),
    ];
    let starts = outcome.trace.iter().filter(|event| matches!(event.what, What::Start(0)));
    let logs = starts
        .filter_map(|event| event.node)
        .map(|node| (format!("n{node}/node.log"), verbose(outcome, &Selection { node: Some(node), ..Selection::ALL })));
    let text = text.map(|(name, contents)| (name.to_string(), contents));
    text.into_iter().chain(logs).map(|(name, contents)| (name, contents.into_bytes())).collect()
}

/// `results.edn`: what the checker said.
fn results(finding: &Finding) -> String {
    let anomaly = &finding.anomaly;
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    format!(
        "{{:valid? false,\n :class {},\n :anomaly-types [:{}],\n :sentence {},\n :key {},\n :skeleton {}}}\n",
        quoted(anomaly.class.name()),
        anomaly.name,
        quoted(&finding.sentence()),
        quoted(&finding.key()),
        quoted(&finding.skeleton),
    )
}

/// A time in seconds since 1970 as Jepsen names its folders: `20261129T203027.000Z`.
pub(crate) fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.000Z")
}

/// The Gregorian date so many days after 1970-01-01, by years that begin in March (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", 2014).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn a_folder_is_named_by_the_time() {
        assert_eq!(timestamp(0), "19700101T000000.000Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000.000Z");
        assert_eq!(timestamp(1_796_070_627), "20261130T203027.000Z");
    }
}
