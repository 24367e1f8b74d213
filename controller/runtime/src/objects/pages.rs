//! Lists of objects in pages.

use kube::Api;
use kube::api::ListParams;

use super::Trigger;

/// The number of objects in one answer of the API server.
const PAGE: u32 = 500;

/// Reads all pages of a list. The pages are from one time: the API server ends an older list with an error.
pub async fn list_all<K: Trigger>(api: &Api<K>, params: ListParams) -> Result<Vec<K>, kube::Error> {
    let (mut objects, mut params) = (vec![], params.limit(PAGE));
    loop {
        let page = api.list(&params).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}
