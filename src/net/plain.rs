//! The HTTP client of the command line: it calls where its user points it, this machine above all. Nothing that a
//! customer of the server names is ever called through it; that is the guarded [`super::Client`]'s part.

use std::time::Duration;

/// A client without guard. Only connecting has a time limit: a stream may last as long as it likes.
#[expect(clippy::disallowed_methods, reason = "whoever types the URL may call it")]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .user_agent(concat!("agentphone-cli/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(Duration::from_secs(5))
        .tls_backend_preconfigured(super::tls())
        .build()
        .expect("TLS is given, so there is nothing left that could fail")
}
