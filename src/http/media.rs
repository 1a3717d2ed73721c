//! Hosted attachments: `<origin>/media/<token>/<file name>`. The token is the permission; no key is asked for.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::phone::media;

pub fn router() -> Router<App> {
    Router::new().route("/media/{token}/{name}", get(serve))
}

async fn serve(
    State(app): State<App>,
    Path((token, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let missing = || Error::refused(Code::NotFound, "There is no such attachment");
    let wanted = token.clone();
    let media = app.db.read(move |tx| media::by_token(tx, &wanted)).await?.ok_or_else(missing)?;
    let bytes = app.media.get(&token).await?.ok_or_else(missing)?;
    let kind = media.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let name = media.file_name.unwrap_or_else(|| "attachment".to_owned());
    let shown = if is_shown(&kind) { "inline" } else { "attachment" };
    let mut response = part(&headers, bytes);
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, format!("{shown}; filename=\"{name}\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable".to_owned()),
    ];
    for (field, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(field, value);
        }
    }
    Ok(response)
}

/// What a browser may open on its own; whatever it might run is only ever downloaded.
fn is_shown(kind: &str) -> bool {
    const SHOWN: [&str; 7] =
        ["image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "application/pdf", "text/plain"];
    SHOWN.contains(&kind) || kind.starts_with("audio/") || kind.starts_with("video/")
}

/// The whole, or the one range that was asked for (RFC 9110, section 14).
fn part(headers: &HeaderMap, bytes: Bytes) -> Response {
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let length = bytes.len();
    match asked.and_then(|text| range(text, length)) {
        None => Body::from(bytes).into_response(),
        Some(Part::Outside) => {
            let whole = format!("bytes */{length}");
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, whole)]).into_response()
        }
        Some(Part::Bytes(first, last)) => {
            let content_range = format!("bytes {first}-{last}/{length}");
            let body = Body::from(bytes.slice(first..=last));
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)], body).into_response()
        }
    }
}

/// What a `Range` header asks for.
#[derive(PartialEq, Eq, Debug)]
enum Part {
    /// First and last byte.
    Bytes(usize, usize),
    /// It lies beyond the end.
    Outside,
}

/// What `bytes=…` means for so many bytes; `None` if it is not understood, and then it is ignored.
fn range(text: &str, length: usize) -> Option<Part> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1);
    let (first, last) = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(first), last) => (first, last.unwrap_or(usize::MAX)),
        (None, Some(count)) if first.is_empty() => (length.saturating_sub(count), usize::MAX),
        (None, _) => return None,
    };
    let Some(end) = end else { return Some(Part::Outside) };
    let last = last.min(end);
    Some(if first <= last { Part::Bytes(first, last) } else { Part::Outside })
}

#[cfg(test)]
mod tests {
    use super::{Part, range};

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-3", 10), Some(Part::Bytes(0, 3)));
        assert_eq!(range("bytes=4-", 10), Some(Part::Bytes(4, 9)));
        assert_eq!(range("bytes=-4", 10), Some(Part::Bytes(6, 9)));
        assert_eq!(range("bytes=12-", 10), Some(Part::Outside));
        assert_eq!(range("bytes=5-99", 10), Some(Part::Bytes(5, 9)));
        assert_eq!(range("lines=1-2", 10), None);
    }
}
