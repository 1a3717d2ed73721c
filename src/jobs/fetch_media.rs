//! Fetches one inbound attachment and hosts it. The event of its message waits for it a while; after that it
//! goes without, and the fetch goes on in the background.

use std::time::Duration;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::media_type;
use crate::net::NetProblem;
use crate::phone::media::{self, Media};
use crate::queue::{self, Job};

/// Attempts before an attachment is given up.
const ATTEMPTS: i64 = 5;

const ERASED: &str = "its message was erased";

/// Why there is no attachment.
enum Trouble {
    /// It may be had another time.
    Again(String),
    /// It is too large, or nothing that may be attached: that will not change.
    Never(String),
}

struct Fetched {
    content_type: String,
    file_name: String,
    bytes: bytes::Bytes,
}

pub async fn perform(app: &App, job: Job, media: Media) {
    if media.is_erased {
        return forget(app, job, media).await;
    }
    let fetched = fetch(app, &media).await;
    let stored = match fetched {
        Ok(fetched) => match app.media.put(&media.token, fetched.bytes.clone()).await {
            Ok(()) => Ok(fetched),
            Err(error) => Err(Trouble::Again(format!("it could not be stored: {error}"))),
        },
        Err(trouble) => Err(trouble),
    };
    let origin = app.origin();
    let now = app.clock.now();
    let recorded = match stored {
        Ok(fetched) => {
            let url = format!("{origin}/media/{}/{}", media.token, fetched.file_name);
            let bytes = i64::try_from(fetched.bytes.len()).unwrap_or(i64::MAX);
            let unit = move |tx: &mut Tx<'_>| {
                let (kind, name) = (&fetched.content_type, &fetched.file_name);
                let is_kept = media::stored(tx, now, &media, &url, kind, name, bytes)?;
                // Of an erased message the job stays, and deletes the file when it comes again.
                if is_kept { queue::finish(tx, &job) } else { queue::retry(tx, &job, now, ERASED, false) }
            };
            app.db.record(unit).await
        }
        Err(trouble) => {
            app.db.record(move |tx: &mut Tx<'_>| again_or_never(tx, now, &job, &media, &trouble)).await
        }
    };
    if let Err(error) = recorded {
        tracing::error!(?error, "the outcome of fetching an attachment could not be stored");
    }
}

/// The message was erased while its attachment was being fetched: what was stored for it goes.
async fn forget(app: &App, job: Job, media: Media) {
    let deleted = app.media.delete(&media.token).await;
    let now = app.clock.now();
    let unit = move |tx: &mut Tx<'_>| match &deleted {
        Ok(()) => queue::finish(tx, &job),
        Err(error) => queue::retry(tx, &job, now + Duration::from_mins(1), &error.to_string(), false),
    };
    if let Err(error) = app.db.record(unit).await {
        tracing::error!(?error, "deleting an attachment could not be recorded");
    }
}

fn again_or_never(
    tx: &mut Tx<'_>,
    now: crate::clock::Time,
    job: &Job,
    media: &Media,
    trouble: &Trouble,
) -> Result<()> {
    let reason = match trouble {
        Trouble::Again(reason) if job.attempt < ATTEMPTS => reason,
        Trouble::Again(reason) | Trouble::Never(reason) => {
            tracing::info!(media = %media.id, %reason, "an attachment is given up");
            media::failed(tx, now, media)?;
            return queue::finish(tx, job);
        }
    };
    if job.attempt == 1 {
        media::release(tx, now, &media.message_id)?;
    }
    let pause = queue::backoff::doubling(job.attempt, Duration::from_secs(5), Duration::from_mins(10));
    queue::retry(tx, job, now + pause, reason, false)
}

async fn fetch(app: &App, media: &Media) -> Result<Fetched, Trouble> {
    let again = |problem: &dyn std::fmt::Display| Trouble::Again(problem.to_string());
    let url = app.net.guard().check_url(&media.source_url).map_err(|problem| again(&problem))?;
    let wait = Duration::from_secs(app.config.media.wait_seconds);
    let got = app.net.get(&url, wait, app.config.media.max_bytes).await.map_err(|problem| match problem {
        NetProblem::TooLarge { .. } => Trouble::Never(problem.to_string()),
        other => again(&other),
    })?;
    if !(200..300).contains(&got.status) {
        return Err(Trouble::Again(format!("{url} answered {}", got.status)));
    }
    let content_type = media_type::attachable(got.content_type.as_deref(), &got.body)
        .map_err(|problem| Trouble::Never(problem.to_string()))?;
    Ok(Fetched { file_name: file_name(&url, &content_type), content_type, bytes: got.body })
}

/// The last part of the URL's path, made harmless, with an ending that fits the type.
fn file_name(url: &url::Url, content_type: &str) -> String {
    let last = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let name: String = last
        .chars()
        .map(
            |letter| {
                if letter.is_ascii_alphanumeric() || letter == '.' || letter == '-' { letter } else { '_' }
            },
        )
        .take(80)
        .collect();
    let name = name.trim_matches('.');
    let name = if name.is_empty() { "attachment" } else { name };
    if name.contains('.') {
        return name.to_owned();
    }
    let ending = match content_type {
        "image/jpeg" => ".jpg",
        "image/png" => ".png",
        "image/gif" => ".gif",
        "image/webp" => ".webp",
        "image/heic" => ".heic",
        "video/mp4" => ".mp4",
        "audio/mpeg" => ".mp3",
        "text/vcard" => ".vcf",
        "application/pdf" => ".pdf",
        _ => "",
    };
    format!("{name}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_and_have_an_ending() {
        let name = |url: &str, kind| file_name(&url.parse().unwrap(), kind);
        assert_eq!(name("https://a.example/x/cat%20pic.png?y=1", "image/png"), "cat_20pic.png");
        assert_eq!(name("https://a.example/media/ab12", "image/jpeg"), "ab12.jpg");
        assert_eq!(name("https://a.example/..%2f..%2fetc", "text/x"), "_2f.._2fetc");
        assert_eq!(name("https://a.example/", "image/gif"), "attachment.gif");
    }
}
