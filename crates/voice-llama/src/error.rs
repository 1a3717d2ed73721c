//! What can go wrong, in words that a caller may read.

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be carried out as it is.
    #[error("{0}")]
    Refused(String),
    /// The conversation does not fit into what the model can keep in mind.
    #[error(
        "This model's maximum context length is {limit} tokens. However, your messages resulted in {asked}. Please \
         reduce the length of the messages."
    )]
    ContextTooLong { limit: usize, asked: Asked },
    /// The engine could not do it.
    #[error("{0}")]
    Failed(String),
}

/// How many tokens were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    Tokens(usize),
    /// So many bytes that they were not even counted in tokens.
    Far,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tokens(tokens) => write!(f, "{tokens} tokens"),
            Self::Far => f.write_str("many times more"),
        }
    }
}
