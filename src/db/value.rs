//! Values on their way into and out of the database. Only two types cross: text and 64-bit integers (see the
//! portable dialect in `migrations/README.md`); everything else is one of these in another coat.

use std::borrow::Cow;

use anyhow::{Context, anyhow};

use crate::clock::Time;
use crate::error::Result;
use crate::id::TextForm;

/// One parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

/// A parameter that outlives what it was taken from.
#[derive(Debug)]
pub enum Kept {
    Null,
    Int(i64),
    Text(String),
}

impl Value<'_> {
    pub fn kept(self) -> Kept {
        match self {
            Self::Null => Kept::Null,
            Self::Int(number) => Kept::Int(number),
            Self::Text(text) => Kept::Text(text.to_owned()),
        }
    }
}

impl ToValue for Kept {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// `text` as both databases hold it: without U+0000, which no `PostgreSQL` text can.
pub fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// What can be a parameter.
pub trait ToValue {
    fn value(&self) -> Value<'_>;
}

impl ToValue for Value<'_> {
    fn value(&self) -> Value<'_> {
        *self
    }
}

impl ToValue for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl ToValue for bool {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}

impl ToValue for Time {
    fn value(&self) -> Value<'_> {
        Value::Int(self.millis())
    }
}

impl ToValue for &str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl<T: TextForm> ToValue for T {
    fn value(&self) -> Value<'_> {
        Value::Text(self.text_form())
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::value)
    }
}

/// One row of an answer; columns are counted from 0 and read with [`Row::get`].
#[derive(Clone, Copy)]
pub enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

/// What a column can be read as.
pub trait Column: Sized {
    /// `None` when the column is null.
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>>;

    /// What a null column is read as by [`Row::get`]: an error, except for `Option`.
    fn when_null(index: usize) -> Result<Self> {
        Err(anyhow!("column {index} is null").into())
    }
}

impl Row<'_> {
    pub fn get<T: Column>(self, index: usize) -> Result<T> {
        T::read(self, index)?.map_or_else(|| T::when_null(index), Ok)
    }
}

impl Column for i64 {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        let column = match row {
            Row::Sqlite(row) => row.get(index).context("reading an integer column")?,
            Row::Postgres(row) => row.try_get(index).context("reading an integer column")?,
        };
        Ok(column)
    }
}

impl Column for String {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        let column = match row {
            Row::Sqlite(row) => row.get(index).context("reading a text column")?,
            Row::Postgres(row) => row.try_get(index).context("reading a text column")?,
        };
        Ok(column)
    }
}

impl Column for bool {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        Ok(i64::read(row, index)?.map(|flag| flag != 0))
    }
}

impl Column for Time {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        Ok(i64::read(row, index)?.map(Self::from_millis))
    }
}

impl<T: TextForm> Column for T {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        let Some(text) = String::read(row, index)? else { return Ok(None) };
        let form = T::from_text_form(text).map_err(|text| anyhow!("column {index} holds {text:?}"))?;
        Ok(Some(form))
    }
}

impl<T: Column> Column for Option<T> {
    fn read(row: Row<'_>, index: usize) -> Result<Option<Self>> {
        Ok(T::read(row, index)?.map(Some))
    }

    fn when_null(_: usize) -> Result<Self> {
        Ok(None)
    }
}
