//! A flood of failures: above a rate, the messages about one cause wait, and people get one digest of them.
//!
//! Invocations share nothing but the work bucket, so what is known of floods lies there, below `notices/`. Failures of one cause
//! have one group ([`Failure::group`](ecg_core::message::Failure::group)); its floods are its rounds, numbered from 0:
//!
//! ```text
//! single/<group>/<ten minutes>/<number>               a message was sent on its own
//! waiting/<group>/<round>/<execution>.<step>.json     a message waits, whole
//! begun/<group>/<round>                               whoever put it sees to the digest
//! ended/<group>/<round>                               the digest was sent
//! ```
//!
//! Nothing is deleted, and no message can fall between two rounds: it is put into a round first, and only then looked whether
//! that round has ended; a digest ends its round first, and only then looks whether more came.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ecg_core::StepError;
use ecg_core::message::{DigestInput, DigestOutput, NotifyInput};
use ecg_lake::{step_error, write_error};
use ecg_store::{ListedObject, Location, Store, StoreError};

/// Messages about one cause that are sent on their own within ten minutes.
const SINGLE_MESSAGES: usize = 5;
const TEN_MINUTES_MS: i64 = 600_000;
/// A flood is over when so long nothing of its cause came.
const QUIET_MS: i64 = 60_000;
/// A digest is sent after so long even where the flood goes on.
const LONGEST_MS: i64 = 900_000;
/// What began so long ago and has not ended has lost whoever was to see to it.
const LOST_MS: i64 = 7_200_000;
/// Failures that a digest names one by one.
const EXAMPLES: usize = 5;
/// Largest notice, in bytes.
const NOTICE_BYTES_MAX: u64 = 1 << 16;

/// Where notices lie.
#[derive(Debug, Clone, Copy)]
pub struct Notices<'a> {
    /// Objects.
    pub store: &'a dyn Store,
    /// The work bucket.
    pub bucket: &'a str,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Send it.
    Single,
    /// It waits for the digest, and is the first: somebody has to ask for the digest later.
    BeginsDigest,
    /// It waits for the digest, like others before it.
    Waits,
}

/// What people are told of a flood.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// Its group.
    pub group: String,
    /// Failures by the step that failed.
    pub steps: BTreeMap<String, u64>,
    /// Some of them, in the order of their executions' names; never none.
    pub examples: Vec<NotifyInput>,
    /// When the first and the last of them were told to notify, in milliseconds since 1970-01-01 UTC.
    pub between_ms: (i64, i64),
}

impl Digest {
    /// How many failures it is about.
    pub fn count(&self) -> u64 {
        self.steps.values().sum()
    }
}

impl Notices<'_> {
    /// Decides about one message. Asked about it again, the answer is the same, unless a digest was begun meanwhile.
    ///
    /// # Errors
    /// What the store says.
    pub async fn admit(&self, input: &NotifyInput, now_ms: i64) -> Result<Admitted, StepError> {
        let group = input.failure.group(&input.recording_id, &input.source);
        let mut round = self.current_round(&group).await?;
        if self.written_ms(&begun(&group, round)).await?.is_none() {
            let window = now_ms.div_euclid(TEN_MINUTES_MS);
            for number in 0..SINGLE_MESSAGES {
                let slot = format!("notices/single/{group}/{window}/{number}");
                if self.claim(&slot, &input.execution).await? {
                    return Ok(Admitted::Single);
                }
            }
        }
        let name = input.execution_name();
        let notice = serde_json::to_vec(input).map_err(|error| StepError::Internal(error.to_string()))?;
        loop {
            let key = format!("{}{name}.{}.json", waiting(&group, round), input.failure.step);
            self.put(&key, notice.clone().into()).await?;
            if self.written_ms(&ended(&group, round)).await?.is_none() {
                break;
            }
            round += 1;
        }
        let begun = begun(&group, round);
        let ours = self.claim(&begun, &input.execution).await?
            || self
                .written_ms(&begun)
                .await?
                .is_some_and(|at_ms| now_ms - at_ms >= LOST_MS);
        Ok(if ours {
            Admitted::BeginsDigest
        } else {
            Admitted::Waits
        })
    }

    /// Sends the digests of an execution whose floods are over, and those that nobody sees to any more.
    ///
    /// # Errors
    /// What the store says, and what `send` does: its digest is not over then.
    pub async fn digests(
        &self,
        input: &DigestInput,
        now_ms: i64,
        send: impl AsyncFn(&Digest) -> Result<(), StepError>,
    ) -> Result<DigestOutput, StepError> {
        let over: BTreeSet<String> = (self.list("notices/ended/").await?.into_iter())
            .map(|object| object.key.replacen("ended", "begun", 1))
            .collect();
        let mut answer = DigestOutput { told: 0, waiting: 0 };
        for begun in self.list("notices/begun/").await? {
            let Some((group, round)) = group_and_round(&begun.key) else {
                continue;
            };
            if over.contains(&begun.key) {
                continue;
            }
            let age_ms = now_ms - begun.last_modified_ms;
            if age_ms < LOST_MS && self.text(&begun.key).await? != input.digest_for {
                continue;
            }
            let found = self.list(&waiting(group, round)).await?;
            let newest_ms = found.iter().map(|notice| notice.last_modified_ms).max();
            let quiet = newest_ms.is_none_or(|newest_ms| now_ms - newest_ms >= QUIET_MS);
            if !quiet && age_ms < LONGEST_MS {
                answer.waiting += 1;
                continue;
            }
            let digest = self.digest(group, &found).await?;
            if !digest.examples.is_empty() {
                send(&digest).await?;
            }
            answer.told += digest.count();
            self.put(&ended(group, round), Bytes::from(input.digest_for.clone()))
                .await?;
            answer.waiting += u64::from(self.carry_over(group, round, &found, input).await?);
        }
        Ok(answer)
    }

    /// Moves what came while the digest was sent into the next round; whether there is anything for whoever asked to see to.
    async fn carry_over(
        &self,
        group: &str,
        round: u32,
        told: &[ListedObject],
        input: &DigestInput,
    ) -> Result<bool, StepError> {
        let told: BTreeSet<&str> = told.iter().map(|notice| notice.key.as_str()).collect();
        let mut late = self.list(&waiting(group, round)).await?;
        late.retain(|notice| !told.contains(notice.key.as_str()));
        for notice in &late {
            let name = notice.key.rsplit('/').next().unwrap_or_default();
            let to = self.at(&format!("{}{name}", waiting(group, round + 1)));
            let copied = self.store.copy(&self.at(&notice.key), &to).await;
            copied.map_err(|error| write_error(&error))?;
        }
        Ok(!late.is_empty() && self.claim(&begun(group, round + 1), &input.digest_for).await?)
    }

    async fn digest(&self, group: &str, found: &[ListedObject]) -> Result<Digest, StepError> {
        let mut steps = BTreeMap::new();
        for notice in found {
            let mut parts = notice.key.rsplit('.').skip(1);
            *steps
                .entry(parts.next().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        let mut examples = Vec::new();
        for notice in found.iter().take(EXAMPLES) {
            let text = self.text(&notice.key).await?;
            let example = serde_json::from_str(&text);
            examples.push(example.map_err(|error| StepError::Internal(format!("{}: {error}", notice.key)))?);
        }
        let times = || found.iter().map(|notice| notice.last_modified_ms);
        Ok(Digest {
            group: group.to_owned(),
            steps,
            examples,
            between_ms: (times().min().unwrap_or(0), times().max().unwrap_or(0)),
        })
    }

    /// The round after the last that has ended.
    async fn current_round(&self, group: &str) -> Result<u32, StepError> {
        let ended = self.list(&format!("notices/ended/{group}/")).await?;
        let last = ended
            .iter()
            .filter_map(|object| group_and_round(&object.key))
            .map(|(_, round)| round + 1);
        Ok(last.max().unwrap_or(0))
    }

    /// Puts an object that nobody else may put. Whether it is ours, which is also what the same caller put before and does not
    /// know of.
    async fn claim(&self, key: &str, by: &str) -> Result<bool, StepError> {
        let bytes = Bytes::from(by.to_owned());
        match self.store.put_if_absent(&self.at(key), bytes).await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists(_)) => Ok(self.text(key).await? == by),
            // Who gets it is not decided yet.
            Err(error @ StoreError::Conflict(_)) => Err(StepError::Transient(error.to_string())),
            Err(error) => Err(write_error(&error)),
        }
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StepError> {
        let written = self.store.put(&self.at(key), bytes).await;
        written.map(drop).map_err(|error| write_error(&error))
    }

    /// When an object was written; `None` where there is none.
    async fn written_ms(&self, key: &str) -> Result<Option<i64>, StepError> {
        match self.store.head(&self.at(key)).await {
            Ok(meta) => Ok(Some(meta.last_modified_ms)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(step_error(&error)),
        }
    }

    async fn text(&self, key: &str) -> Result<String, StepError> {
        let read = self.store.get(&self.at(key), NOTICE_BYTES_MAX).await;
        let (_, bytes) = read.map_err(|error| write_error(&error))?;
        String::from_utf8(bytes.to_vec()).map_err(|error| StepError::Internal(format!("{key}: {error}")))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>, StepError> {
        let listed = self.store.list(self.bucket, prefix).await;
        listed.map_err(|error| write_error(&error))
    }

    fn at(&self, key: &str) -> Location {
        Location::new(self.bucket, key)
    }
}

fn waiting(group: &str, round: u32) -> String {
    format!("notices/waiting/{group}/{round:04}/")
}

fn begun(group: &str, round: u32) -> String {
    format!("notices/begun/{group}/{round:04}")
}

fn ended(group: &str, round: u32) -> String {
    format!("notices/ended/{group}/{round:04}")
}

fn group_and_round(key: &str) -> Option<(&str, u32)> {
    let mut parts = key.rsplit('/');
    let round = parts.next()?.parse().ok()?;
    Some((parts.next()?, round))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Arc;

    use ecg_core::message::{Failure, Source};
    use ecg_store::ErrorContext;
    use ecg_testing::{Fault, FaultyStore, MemoryStore};

    use super::*;

    const MACHINE: &str = "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline";

    fn failed(number: usize, step: &str, cause: &str) -> NotifyInput {
        let name = format!("a-{number}");
        NotifyInput {
            recording_id: name.clone(),
            source: Source {
                bucket: "raw".into(),
                key: format!("ward {number}/a.mat"),
                version: "v".into(),
                etag: "v".into(),
                size: 1,
                uploaded_at_ms: 0,
                sequencer: None,
            },
            failure: Failure {
                step: step.into(),
                error: "Internal".into(),
                cause: cause.into(),
                attempts: 1,
            },
            execution: format!("{MACHINE}:{name}"),
            recorded: true,
        }
    }

    /// What the objects of a memory store are dated with.
    const NOW_MS: i64 = 0;

    async fn ask(notices: Notices<'_>, by: &NotifyInput, now_ms: i64) -> (DigestOutput, Vec<Digest>) {
        let sent = RefCell::new(Vec::new());
        let input = DigestInput {
            digest_for: by.execution.clone(),
        };
        let answer = notices.digests(&input, now_ms, async |digest| {
            sent.borrow_mut().push(digest.clone());
            Ok(())
        });
        let answer = answer.await.unwrap();
        (answer, sent.into_inner())
    }

    fn answer(told: u64, waiting: u64) -> DigestOutput {
        DigestOutput { told, waiting }
    }

    #[tokio::test]
    async fn of_a_flood_five_are_told_and_the_rest_together() {
        let store = MemoryStore::default();
        let notices = Notices {
            store: &store,
            bucket: "work",
        };
        let now = NOW_MS;
        let of = |number| {
            failed(
                number,
                if number % 2 == 0 { "write" } else { "crawl" },
                "permission denied",
            )
        };
        for number in 0..20 {
            let expected = match number {
                0..5 => Admitted::Single,
                5 => Admitted::BeginsDigest,
                _ => Admitted::Waits,
            };
            assert_eq!(
                notices.admit(&of(number), now).await.unwrap(),
                expected,
                "{number}"
            );
        }
        // A retry of the first that waits, whose answer was lost.
        assert_eq!(notices.admit(&of(5), now).await.unwrap(), Admitted::BeginsDigest);
        // A retry of one that was sent on its own, or was to be; others of its kind do not lose their place by it.
        let single = failed(99, "parse", "another");
        for _ in 0..10 {
            assert_eq!(notices.admit(&single, now).await.unwrap(), Admitted::Single);
        }
        // Another cause.
        let other = failed(20, "write", "no space");
        assert_eq!(notices.admit(&other, now).await.unwrap(), Admitted::Single);

        // Not yet; not by somebody else.
        assert_eq!(ask(notices, &of(5), now).await, (answer(0, 1), vec![]));
        let later = now + QUIET_MS + 2_000;
        assert_eq!(ask(notices, &of(6), later).await, (answer(0, 0), vec![]));
        let (told, sent) = ask(notices, &of(5), later).await;
        assert_eq!(told, answer(15, 0));
        let [digest] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(
            digest.steps,
            [("crawl".to_owned(), 8), ("write".to_owned(), 7)].into()
        );
        assert_eq!((digest.count(), digest.examples.len()), (15, EXAMPLES));
        assert_eq!(ask(notices, &of(5), later).await, (answer(0, 0), vec![]));

        // The next flood within the same ten minutes is the next round.
        assert_eq!(notices.admit(&of(21), now).await.unwrap(), Admitted::BeginsDigest);
        assert_eq!(notices.admit(&of(22), now).await.unwrap(), Admitted::Waits);
        assert_eq!(ask(notices, &of(21), later).await.0, answer(2, 0));
        // Ten minutes later there are single messages again.
        let admitted = notices.admit(&of(23), now + TEN_MINUTES_MS).await.unwrap();
        assert_eq!(admitted, Admitted::Single);
    }

    #[tokio::test]
    async fn a_flood_without_end_is_told_every_quarter_of_an_hour_and_a_lost_one_by_whoever_comes() {
        let store = MemoryStore::default();
        let notices = Notices {
            store: &store,
            bucket: "work",
        };
        let now = NOW_MS;
        for number in 0..7 {
            notices.admit(&failed(number, "parse", "c"), now).await.unwrap();
        }
        let (by, another) = (failed(5, "parse", "c"), failed(99, "parse", "c"));
        assert_eq!(ask(notices, &another, now + LONGEST_MS).await.0, answer(0, 0));
        // As if the newest had come just now.
        assert_eq!(ask(notices, &by, now + QUIET_MS - 10_000).await.0, answer(0, 1));
        assert_eq!(
            ask(notices, &another, now + LOST_MS + 2_000).await.0,
            answer(2, 0)
        );
    }

    #[tokio::test]
    async fn what_comes_while_a_digest_is_sent_is_in_the_next() {
        let store = MemoryStore::default();
        let notices = Notices {
            store: &store,
            bucket: "work",
        };
        let now = NOW_MS;
        let of = |number| failed(number, "parse", "c");
        for number in 0..6 {
            notices.admit(&of(number), now).await.unwrap();
        }
        let input = DigestInput {
            digest_for: of(5).execution,
        };
        let later = now + QUIET_MS + 2_000;
        let told = notices.digests(&input, later, async |digest| {
            assert_eq!(digest.count(), 1);
            assert_eq!(notices.admit(&of(6), now).await.unwrap(), Admitted::Waits);
            Ok(())
        });
        assert_eq!(told.await.unwrap(), answer(1, 1));
        let (told, sent) = ask(notices, &of(5), later).await;
        assert_eq!(
            (told, sent[0].examples[0].recording_id.as_str()),
            (answer(1, 0), "a-6")
        );
    }

    #[tokio::test]
    async fn two_that_claim_at_once_try_again() {
        let store = FaultyStore::new(Arc::new(MemoryStore::default()));
        let conflict =
            StoreError::Conflict(ErrorContext::new("claiming", &Location::new("work", "k"), "409"));
        // After the look for ended rounds and for one that has begun, the first place is claimed.
        store.fail_on(2, Fault::Error(conflict));
        let notices = Notices {
            store: &store,
            bucket: "work",
        };
        let failed = failed(0, "parse", "c");
        let refused = notices.admit(&failed, NOW_MS).await.unwrap_err();
        assert_eq!(refused.name(), "Transient", "{refused}");
        assert_eq!(notices.admit(&failed, NOW_MS).await.unwrap(), Admitted::Single);
    }

    #[tokio::test]
    async fn a_digest_that_could_not_be_sent_is_sent_later() {
        let store = MemoryStore::default();
        let notices = Notices {
            store: &store,
            bucket: "work",
        };
        let now = NOW_MS;
        for number in 0..8 {
            notices.admit(&failed(number, "parse", "c"), now).await.unwrap();
        }
        let by = failed(5, "parse", "c");
        let input = DigestInput {
            digest_for: by.execution.clone(),
        };
        let later = now + QUIET_MS + 2_000;
        let refused = notices.digests(&input, later, async |_| Err(StepError::Transient("no".into())));
        assert_eq!(refused.await.unwrap_err().name(), "Transient");
        assert_eq!(ask(notices, &by, later).await.0, answer(3, 0));
    }
}
