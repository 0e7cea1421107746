//! What there is of each subject, or of the keys of each folder.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::{Datelike, Days, NaiveDate};
use futures::StreamExt;
use serde::Deserialize;

use crate::chrome::{Chrome, Failure, html};
use crate::runs::{address, encoded};
use crate::server::Shared;

/// Groups that are listed.
const GROUPS: usize = 500;

/// Causes of rejection of a group that are listed.
const CAUSES: usize = 3;

/// Weeks of a calendar.
const WEEKS: u64 = 53;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// `folder`, or else by subject.
    by: String,
    /// The group whose calendar is shown.
    who: Option<String>,
}

#[derive(Debug, Default)]
struct Group {
    who: String,
    recordings: String,
    hours: f64,
    /// Of the time of all leads, the share in segments that are good.
    usable: Option<f64>,
    /// Lowest, median and highest mean heart rate of a recording, in beats per minute.
    rates: [Option<f64>; 3],
    last: String,
    duplicates: String,
    rules: String,
    /// How many were rejected, by error and cause.
    rejected: Vec<(String, String)>,
}

impl Group {
    fn name(&self) -> &str {
        if self.who.is_empty() {
            "(not said)"
        } else {
            &self.who
        }
    }

    fn hours(&self) -> String {
        if self.hours > 0.0 {
            crate::time::duration(self.hours * 3600.0)
        } else {
            String::new()
        }
    }

    fn percent(&self) -> Option<String> {
        self.usable.map(|share| format!("{:.0}", share * 100.0))
    }

    fn spread(&self) -> String {
        match self.rates {
            [Some(low), Some(middle), Some(high)] => format!("{low:.0} – {middle:.0} – {high:.0}"),
            _ => String::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "subjects.html")]
struct Page {
    chrome: Chrome,
    by_folder: bool,
    who: Option<String>,
    groups: Vec<Group>,
    calendar: String,
    options: String,
}

impl Page {
    fn link(&self, who: &str) -> String {
        let by = if self.by_folder { "folder" } else { "" };
        let address = address("/subjects", [("by", by)].into_iter());
        let and = if address.contains('?') { '&' } else { '?' };
        format!("{address}{and}who={}", encoded(who))
    }

    /// The runs of a group: of all, or of the failed ones. A filter for runs without a subject there is none.
    fn runs(&self, who: &str, status: &str) -> String {
        let value = if self.by_folder && !who.is_empty() {
            format!("{who}/")
        } else {
            who.to_owned()
        };
        let name = if self.by_folder { "key" } else { "subject" };
        address("/runs", [(name, value.as_str()), ("status", status)].into_iter())
    }

    fn known(&self) -> usize {
        self.groups.iter().filter(|group| !group.who.is_empty()).count()
    }

    /// A query for the recordings of a group that have the same bytes.
    fn duplicates(&self, who: &str) -> String {
        let of = format!("{} = {}", group(self.by_folder), sql_text(who));
        let sql = format!(
            "select content_sha256, recording_id, source_key, uploaded_at from current\n\
             where {of}\n  and content_sha256 in (select content_sha256 from current where {of} group by 1 having count(*) > 1)\n\
             order by content_sha256, uploaded_at"
        );
        address("/query", [("sql", sql.as_str())].into_iter())
    }
}

/// The rows of an answer as text; `None` is null.
async fn table(lake: &Path, sql: &str) -> Result<Vec<Vec<Option<String>>>, String> {
    let mut rows = Vec::new();
    let mut batches = ecg_query::ask(lake, sql, true).await?;
    let options = FormatOptions::default();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| ecg_query::words(&error))?;
        let formatters: Result<Vec<_>, _> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect();
        let formatters = formatters.map_err(|error| error.to_string())?;
        for at in 0..batch.num_rows() {
            let cells = formatters.iter().zip(batch.columns());
            rows.push(
                cells
                    .map(|(formatter, column)| (!column.is_null(at)).then(|| formatter.value(at).to_string()))
                    .collect(),
            );
        }
    }
    Ok(rows)
}

fn text(row: &[Option<String>], at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

fn number(row: &[Option<String>], at: usize) -> Option<f64> {
    text(row, at).parse().ok()
}

/// What the rows of a group have in common, in SQL.
fn group(by_folder: bool) -> &'static str {
    if by_folder {
        "case when strpos(source_key, '/') > 0 then split_part(source_key, '/', 1) else '' end"
    } else {
        "coalesce(subject_id, '')"
    }
}

/// A text as SQL writes it.
fn sql_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let by_folder = asked.by == "folder";
    let lake = shared.lake.root();
    let group = group(by_folder);
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let sql = format!(
        "select {group}, count(*), sum(duration_s) / 3600, min(heart_rate_bpm), median(heart_rate_bpm), max(heart_rate_bpm), \
         max(uploaded_at), count(content_sha256) - count(distinct content_sha256), \
         array_to_string(array_agg(distinct rules_version), ', ') from current group by 1 order by 1 limit {GROUPS}"
    );
    for row in table(lake, &sql).await? {
        let who = text(&row, 0);
        groups.insert(
            who.clone(),
            Group {
                who,
                recordings: text(&row, 1),
                hours: number(&row, 2).unwrap_or(0.0),
                rates: [number(&row, 3), number(&row, 4), number(&row, 5)],
                last: text(&row, 6).replace('T', " ").chars().take(19).collect(),
                duplicates: text(&row, 7),
                rules: text(&row, 8),
                ..Group::default()
            },
        );
    }
    let sql = format!(
        "select who, sum(case when quality = 'good' then seconds else 0 end) / sum(seconds) from (\
         select {group} as who, s.quality as quality, s.samples / s.sampling_frequency_hz as seconds \
         from segments s join current r on s.recording_id = r.recording_id) group by 1"
    );
    for row in table(lake, &sql).await? {
        if let Some(group) = groups.get_mut(&text(&row, 0)) {
            group.usable = number(&row, 1);
        }
    }
    let sql = format!(
        "select {group}, error, expected, count(*) from unresolved group by 1, 2, 3 order by 4 desc, 2, 3"
    );
    for row in table(lake, &sql).await? {
        add_rejected(&mut groups, &row);
    }
    let only = asked
        .who
        .as_ref()
        .map_or_else(String::new, |who| format!("where {group} = {}", sql_text(who)));
    let days = format!(
        "select cast(coalesce(recorded_at, uploaded_at) as date), sum(duration_s) from current {only} group by 1 order by 1"
    );
    let days: Vec<(NaiveDate, f64)> = table(lake, &days)
        .await?
        .iter()
        .filter_map(|row| Some((text(row, 0).parse().ok()?, number(row, 1)?)))
        .collect();
    Ok(html(&Page {
        chrome: Chrome::new(&shared, "subjects", "Subjects"),
        by_folder,
        who: asked.who,
        groups: groups.into_values().collect(),
        calendar: calendar(&days),
        options: shared.options.clone(),
    }))
}

/// Adds recordings of a group that were rejected for one cause: group, error, what was expected, how many.
fn add_rejected(groups: &mut BTreeMap<String, Group>, row: &[Option<String>]) {
    let who = text(row, 0);
    // Where the list is full, a group that is not in it may have recordings all the same.
    if groups.len() >= GROUPS && !groups.contains_key(&who) {
        return;
    }
    let group = groups.entry(who.clone()).or_insert_with(|| Group {
        who,
        recordings: "0".to_owned(),
        ..Group::default()
    });
    let expected = text(row, 2);
    let cause = if expected.is_empty() {
        text(row, 1)
    } else {
        format!("{}: expected {expected}", text(row, 1))
    };
    group.rejected.push((text(row, 3), cause));
}

/// The weeks up to the last day that has a recording: the deeper, the more was recorded on a day.
fn calendar(days: &[(NaiveDate, f64)]) -> String {
    const CELL: u64 = 13;
    let Some((last, _)) = days.last() else {
        return String::new();
    };
    let Some(monday) = last
        .checked_sub_days(Days::new(u64::from(last.weekday().num_days_from_monday())))
        .and_then(|monday| monday.checked_sub_days(Days::new(7 * (WEEKS - 1))))
    else {
        return String::new();
    };
    let recorded: BTreeMap<NaiveDate, f64> = days.iter().copied().collect();
    let (width, height) = (WEEKS * CELL + 30, 7 * CELL + 18);
    let mut svg = format!(
        "<svg class=\"calendar\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"Calendar of what was recorded\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    for (row, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri")] {
        let _ = write!(svg, "<text x=\"0\" y=\"{}\">{name}</text>", 16 + row * CELL + 9);
    }
    for (at, day) in monday.iter_days().take_while(|day| day <= last).enumerate() {
        let (week, weekday) = (at as u64 / 7, at as u64 % 7);
        let (x, y) = (28 + week * CELL, 16 + weekday * CELL);
        if day.day() <= 7 && weekday == 0 {
            let _ = write!(svg, "<text x=\"{x}\" y=\"10\">{}</text>", day.format("%b"));
        }
        let seconds = recorded.get(&day).copied().unwrap_or(0.0);
        let level = match seconds / 3600.0 {
            0.0 => 0,
            hours if hours < 1.0 => 1,
            hours if hours < 6.0 => 2,
            hours if hours < 20.0 => 3,
            _ => 4,
        };
        let _ = write!(
            svg,
            "<rect class=\"l{level}\" x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" rx=\"2\"><title>{day}: {}</title></rect>",
            crate::time::duration(seconds)
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_as_deep_as_it_is_long() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let svg = calendar(&[(day("2026-11-24"), 600.0), (day("2026-11-27"), 86_400.0)]);
        assert!(svg.contains("class=\"l1\"") && svg.contains("<title>2026-11-24: 10 min 0 s</title>"));
        assert!(svg.contains("class=\"l4\"") && svg.contains("<title>2026-11-27: 24 h 0 min</title>"));
        // The last day is a Friday.
        assert_eq!(svg.matches("<rect").count(), 53 * 7 - 2);
        assert_eq!(calendar(&[]), "");
    }

    #[test]
    fn a_group_that_the_full_list_leaves_out_is_not_one_without_recordings() {
        let rejected = |who: &str| [who, "Rejected", "2 leads", "3"].map(|text| Some(text.to_owned()));
        let named = |who: String| {
            (
                who.clone(),
                Group {
                    who,
                    ..Group::default()
                },
            )
        };
        let mut groups: BTreeMap<String, Group> =
            (1..GROUPS).map(|number| named(format!("P{number:04}"))).collect();
        add_rejected(&mut groups, &rejected("Q1"));
        assert_eq!((groups.len(), groups["Q1"].recordings.as_str()), (GROUPS, "0"));
        add_rejected(&mut groups, &rejected("Q2"));
        add_rejected(&mut groups, &rejected("P0007"));
        assert_eq!((groups.len(), groups.contains_key("Q2")), (GROUPS, false));
        assert_eq!(
            groups["P0007"].rejected,
            [("3".to_owned(), "Rejected: expected 2 leads".to_owned())]
        );
    }

    #[test]
    fn quotes_end_no_text() {
        assert_eq!(sql_text("a' or '1'='1"), "'a'' or ''1''=''1'");
    }
}
