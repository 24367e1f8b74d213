//! Error chains in a single line.

use std::error::Error as StdError;
use std::iter::successors;

use kube::core::Status;

/// Joins an error and the error's sources in a single line. A source that the text already ends with is left out. An
/// answer of the API server has only its message: kube also prints the answer as a Rust value.
pub fn error_chain(error: &(dyn StdError + 'static)) -> String {
    let chain = || successors(Some(error), |error: &&(dyn StdError + 'static)| (*error).source());
    let answer = chain().find_map(answer).map(|answer| {
        let printed = answer.to_string();
        let message = if answer.message.is_empty() { printed.clone() } else { answer.message.clone() };
        (format!("ApiError: {printed} ({answer:?})"), printed, message)
    });
    let words = |error: &(dyn StdError + 'static)| match &answer {
        Some((whole, printed, message)) => {
            error.to_string().replace(whole, message).replace(printed, message)
        }
        None => error.to_string(),
    };
    let join = |text: String, words: String| match text.ends_with(&words) {
        true => text,
        false => format!("{text}: {words}"),
    };
    chain().map(words).reduce(join).unwrap_or_default()
}

fn answer<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Status> {
    error.downcast_ref().or_else(|| error.downcast_ref::<Box<Status>>().map(AsRef::as_ref))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of `kube::Error::Api`.
    #[derive(Debug, thiserror::Error)]
    #[error("ApiError: {0} ({0:?})")]
    struct Api(#[source] Box<Status>);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot list objects: {0}")]
    struct List(#[source] Api);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot watch")]
    struct Watch(#[source] List);

    #[test]
    fn an_answer_of_the_api_server_has_only_its_message() {
        let error = |message: &str| Watch(List(Api(Box::new(Status::failure(message, "Forbidden")))));
        assert_eq!(error_chain(&error("not yours")), "cannot watch: cannot list objects: not yours");
        assert_eq!(error_chain(&error("not yours").0.0), "not yours");
        assert_eq!(error_chain(&error("").0.0), Status::failure("", "Forbidden").to_string());
    }
}
