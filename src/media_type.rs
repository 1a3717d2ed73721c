//! What may be attached to a message: one list for what goes out and for what comes in, and how the type of a file is
//! known. Which pictures a browser may open on its own is decided where they are served (`http/media.rs`).

/// All of these a phone shows or plays, or offers to.
const CLASSES: [&str; 3] = ["image", "audio", "video"];

/// What else phones take: cards, appointments, passes and documents; the list of the large providers, and plain text.
/// No pages and no programs: nobody shall pass them on under our name.
const OTHERS: [&str; 17] = [
    "text/plain",
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "text/calendar",
    "text/csv",
    "text/rtf",
    "text/richtext",
    "application/pdf",
    "application/vcard",
    "application/vnd.apple.pkpass",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
];

/// What servers say of a file that they know nothing of; the second is what S3 says of an upload without a type.
const UNKNOWN: [&str; 2] = ["application/octet-stream", "binary/octet-stream"];

/// How files begin that may be attached.
const BEGINNINGS: [(&[u8], &str); 19] = [
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"caff", "audio/x-caf"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"%PDF-", "application/pdf"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
];

/// Why a file may not be attached.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAttachable {
    #[error("attachments of the type {0} are not taken")]
    Type(String),
    #[error("its server names no type, and its first bytes tell of none that is taken")]
    Unknown,
}

/// The type of a file that may be attached. As with the large providers the `Content-Type` of its server counts and the
/// ending of its name does not. Where they refuse a file whose server names no type, its first bytes may speak for it:
/// uploads to a bucket without a type are what people stumble over most.
pub fn attachable(declared: Option<&str>, bytes: &[u8]) -> Result<String, NotAttachable> {
    let Some(kind) = declared.and_then(parsed).filter(|kind| !UNKNOWN.contains(&kind.as_str())) else {
        return of_bytes(bytes).map(str::to_owned).ok_or(NotAttachable::Unknown);
    };
    let is_taken = kind.split_once('/').is_some_and(|(class, _)| CLASSES.contains(&class))
        || OTHERS.contains(&kind.as_str());
    if is_taken { Ok(kind) } else { Err(NotAttachable::Type(kind)) }
}

/// The type without parameters, if it is one.
fn parsed(declared: &str) -> Option<String> {
    let kind = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (class, name) = kind.split_once('/')?;
    let is_type = [class, name].iter().all(|part| {
        let mut letters = part.chars();
        !part.is_empty() && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-._".contains(letter))
    });
    is_type.then_some(kind)
}

/// What a file is by its first bytes, whatever is said of it; only types that may be attached are known.
pub fn of_bytes(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize| bytes.get(from..).unwrap_or_default();
    if at(0).starts_with(b"RIFF") {
        let known = [(b"WEBP", "image/webp"), (b"WAVE", "audio/wav")];
        return known.iter().find(|(form, _)| at(8).starts_with(*form)).map(|(_, kind)| *kind);
    }
    if at(4).starts_with(b"ftyp") {
        return Some(of_brand(at(8)));
    }
    BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// What the many files are that are boxes of ISO 14496-12.
fn of_brand(brand: &[u8]) -> &'static str {
    let is = |brands: &[&[u8]]| brands.iter().any(|known| brand.starts_with(known));
    if is(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        "image/heic"
    } else if is(&[b"avif", b"avis"]) {
        "image/avif"
    } else if is(&[b"M4A ", b"M4B "]) {
        "audio/mp4"
    } else if is(&[b"qt  "]) {
        "video/quicktime"
    } else if is(&[b"3g"]) {
        "video/3gpp"
    } else {
        "video/mp4"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_type(declared: &str) -> Result<String, NotAttachable> {
        attachable(Some(declared), b"MZ\x90")
    }

    #[test]
    fn what_phones_take_may_be_attached() {
        for kind in
            ["image/png", "audio/x-caf", "video/mp4", "text/x-vcard", "text/calendar", "application/pdf"]
        {
            assert_eq!(by_type(kind), Ok(kind.to_owned()));
        }
        assert_eq!(by_type("Image/PNG; q=1"), Ok("image/png".to_owned()));
        assert_eq!(by_type(" text/plain; charset=utf-8"), Ok("text/plain".to_owned()));
    }

    #[test]
    fn pages_programs_and_what_nobody_knows_may_not() {
        for kind in [
            "text/html",
            "text/javascript",
            "application/xhtml+xml",
            "application/x-msdownload",
            "application/zip",
            "application/json",
            "font/woff2",
        ] {
            assert_eq!(by_type(kind), Err(NotAttachable::Type(kind.to_owned())));
        }
    }

    #[test]
    fn where_no_type_is_named_the_first_bytes_tell_it() {
        let unnamed = [
            None,
            Some("application/octet-stream"),
            Some("binary/octet-stream"),
            Some("nonsense"),
            Some("image/"),
        ];
        for declared in unnamed {
            let kind = |bytes: &[u8]| attachable(declared, bytes);
            assert_eq!(kind(b"\x89PNG\r\n\x1a\n\x00").as_deref(), Ok("image/png"));
            assert_eq!(kind(b"\x00\x00\x00\x18ftypisom").as_deref(), Ok("video/mp4"));
            assert_eq!(kind(b"RIFF\x24\x00\x00\x00WAVE").as_deref(), Ok("audio/wav"));
            assert_eq!(kind(b"BEGIN:VCARD\r\n").as_deref(), Ok("text/vcard"));
            for other in [&b"<!DOCTYPE html>"[..], b"MZ\x90\x00", b"\x7fELF", b"PK\x03\x04", b"RIFF", b""] {
                assert_eq!(kind(other), Err(NotAttachable::Unknown), "{other:?}");
            }
        }
    }
}
