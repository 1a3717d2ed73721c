//! The form of a transcription: a file and the fields beside it, each checked.

use axum::RequestExt;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::words;

/// How large a file may be.
pub const FILE_BYTES: usize = 25 << 20;

words! {
    /// How a transcript is written.
    Written {
        Json = "json",
        Text = "text",
        Srt = "srt",
        VerboseJson = "verbose_json",
        Vtt = "vtt",
    }
}

words! {
    /// What times are wanted of.
    Granularity {
        Word = "word",
        Segment = "segment",
    }
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Form {
    pub file: Option<Bytes>,
    pub model: Option<String>,
    pub language: Option<String>,
    pub prompt: Option<String>,
    pub temperature: Option<f32>,
    pub written: Option<Written>,
    /// Whether times are wanted of words, and of segments.
    pub words: bool,
    pub segments: bool,
    pub streamed: bool,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(mut request: Request, _: &S) -> Result<Self> {
        // The door has taken it in already, up to its own limit.
        DefaultBodyLimit::disable().apply(&mut request);
        let read: Result<Multipart, _> = request.extract().await;
        let message = "Send the request as multipart/form-data, with the recording in the field file";
        let mut parts = read.map_err(|_| Error::field("", "content_type", message))?;
        let mut form = Self::default();
        while let Some(part) = parts.next_field().await.map_err(|error| broken(&error))? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == "file" {
                form.file = Some(part.bytes().await.map_err(|error| broken(&error))?);
            } else {
                form.set(&name, part.text().await.map_err(|error| broken(&error))?)?;
            }
        }
        form.check()
    }
}

fn broken(error: &MultipartError) -> Error {
    Error::field("", "multipart", format!("The form cannot be read: {}", error.body_text()))
}

impl Form {
    /// Some clients send what they leave out as an empty field.
    fn set(&mut self, name: &str, value: String) -> Result<()> {
        let wrong = |what: &str| Error::field(name, "value", format!("{name} must be {what}"));
        if value.is_empty() {
            return Ok(());
        }
        match name {
            "model" => self.model = Some(value),
            "prompt" => self.prompt = Some(value),
            "language" => {
                let is_code =
                    (2..=3).contains(&value.len()) && value.bytes().all(|it| it.is_ascii_alphabetic());
                let language = is_code.then(|| value.to_ascii_lowercase());
                self.language = Some(language.ok_or_else(|| wrong("an ISO 639-1 code such as en"))?);
            }
            "temperature" => {
                let number = value.parse().ok().filter(|number| (0.0..=1.0).contains(number));
                self.temperature = Some(number.ok_or_else(|| wrong("a number between 0 and 1"))?);
            }
            "response_format" => {
                let written = Written::parse(&value);
                self.written =
                    Some(written.ok_or_else(|| wrong("one of json, text, srt, verbose_json, vtt"))?);
            }
            "timestamp_granularities" | "timestamp_granularities[]" => match Granularity::parse(&value) {
                Some(Granularity::Word) => self.words = true,
                Some(Granularity::Segment) => self.segments = true,
                None => return Err(wrong("word or segment")),
            },
            "stream" => match value.to_ascii_lowercase().as_str() {
                "true" | "1" => self.streamed = true,
                "false" | "0" => self.streamed = false,
                _ => return Err(wrong("true or false")),
            },
            _ => {}
        }
        Ok(())
    }

    fn check(self) -> Result<Self> {
        let written = self.written.unwrap_or(Written::Json);
        let Some(file) = &self.file else {
            return Err(Error::field(
                "file",
                "missing",
                "file is required: the recording, as multipart/form-data",
            ));
        };
        if file.len() > FILE_BYTES {
            let message = format!("file may have {} MiB at most", FILE_BYTES >> 20);
            return Err(Error::field("file", "value", message));
        }
        if (self.words || self.segments) && written != Written::VerboseJson {
            let message = "timestamp_granularities needs response_format verbose_json";
            return Err(Error::field("timestamp_granularities", "value", message));
        }
        if self.streamed && !matches!(written, Written::Json | Written::Text) {
            let message = "stream needs response_format json";
            return Err(Error::field("response_format", "value", message));
        }
        Ok(self)
    }
}
