//! A browser without a screen: somebody who is signed in, and the forms of the pages they look at.

use agentphone::phone::{accounts, sign_ins};

use crate::client::{self, Answer, Request};
use crate::server::TestServer;

/// A new sign-in link's path.
pub async fn link(server: &TestServer, token: &'static str) -> String {
    let now = server.setting.clock.now();
    server
        .write(move |tx| {
            let account = accounts::list(tx)?.remove(0).id;
            sign_ins::create_link(tx, &sign_ins::hash(token), &account, now)
        })
        .await;
    format!("/sign-in?token={token}")
}

/// The page at `path`, as it looks with `cookie`.
pub async fn page(server: &TestServer, path: &str, cookie: &str) -> Answer {
    let headers = [("cookie", cookie)];
    client::call(server.address, Request { method: "GET", path, headers: &headers, body: None }).await
}

/// The session that an answer opened.
pub fn cookie(opened: &Answer) -> String {
    opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Somebody who is signed in.
pub struct Browser<'a> {
    pub server: &'a TestServer,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    pub async fn of(server: &'a TestServer) -> Self {
        let opened = page(server, &link(server, "opened").await, "").await;
        Self { server, cookie: cookie(&opened) }
    }

    /// The text of a page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = page(self.server, path, &self.cookie).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{path}: {text}");
        text
    }

    /// What the page at `path` keeps in the hidden field `name` of its form that posts to `action`.
    pub async fn hidden(&self, path: &str, action: &str, name: &str) -> String {
        hidden(&self.page(path).await, action, name)
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        client::read(client::post(self.server.address, path, &self.cookie, fields).await).await
    }

    /// The same, to a form that must do what it is asked; answers where it leads.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = self.post(path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", String::from_utf8_lossy(&answer.body));
        answer.header("location").unwrap().to_owned()
    }
}

/// What a page keeps in the hidden field `name` of its form that posts to `action`.
pub fn hidden(page: &str, action: &str, name: &str) -> String {
    let form = page.split("<form").find(|form| form.contains(&format!("action=\"{action}\"")));
    let form = form.unwrap_or_else(|| panic!("no form posts to {action}: {page}"));
    let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let rest = form.split_once(&field).unwrap_or_else(|| panic!("no hidden {name}: {form}")).1;
    rest.split('"').next().unwrap().to_owned()
}
