//! A form with one file, as `multipart/form-data` (RFC 7578). The file's bytes are passed on, not copied.

use bytes::Bytes;
use hyper::header::HeaderValue;

use crate::id::Ids;

/// A form that is being filled in.
pub(super) struct Form {
    boundary: String,
    fields: String,
}

impl Form {
    /// The boundary is drawn, so that no caller can put one into his file or his words.
    pub fn new(ids: &Ids) -> Self {
        Self { boundary: format!("agentphone-{}", ids.secret()), fields: String::new() }
    }

    pub fn field(&mut self, name: &str, value: &str) {
        let boundary = &self.boundary;
        let field =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        self.fields.push_str(&field);
    }

    pub fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// The header that goes with it, and the body: the fields, then `file` in its parts.
    pub fn finish(self, file_name: &str, file: impl IntoIterator<Item = Bytes>) -> (HeaderValue, Vec<Bytes>) {
        let Self { boundary, mut fields } = self;
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            plain(file_name)
        );
        fields.push_str(&head);
        let mut parts = vec![Bytes::from(fields)];
        parts.extend(file);
        parts.push(Bytes::from(format!("\r\n--{boundary}--\r\n")));
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))
            .expect("letters and digits fit a header");
        (content_type, parts)
    }
}

/// A file name that cannot end its quotes or its line.
fn plain(name: &str) -> String {
    let tame = |it: char| if it.is_control() || matches!(it, '"' | '\\' | '/') { '_' } else { it };
    name.chars().map(tame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Time};

    #[test]
    fn a_name_cannot_break_out() {
        let ids = Ids::from_seed(Clock::manual(Time::from_millis(0)), 1);
        let mut form = Form::new(&ids);
        form.field("model", "whisper");
        let (header, parts) = form.finish("a\"\r\nX: y.wav", [Bytes::from_static(b"RIFF")]);
        let body = parts.concat();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("filename=\"a___X: y.wav\"\r\n"), "{text}");
        let boundary = header.to_str().unwrap().split_once("boundary=").unwrap().1.to_owned();
        assert_eq!(text.matches(&boundary).count(), 3);
        assert!(text.ends_with(&format!("RIFF\r\n--{boundary}--\r\n")), "{text}");
    }
}
