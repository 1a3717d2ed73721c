//! x
pub fn normal(text: &str) -> String {
    text.to_owned()
}
