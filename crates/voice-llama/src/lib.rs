//! Chat with GGUF models.
