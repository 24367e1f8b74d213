//! Function references, account ids and ARN patterns.

/// A function reference of a caller: a name, a partial ARN or an ARN, with or without a version or an alias.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FunctionRef {
    pub region: String,
    /// Account in the ARN; empty for a bare name.
    pub account: String,
    pub name: String,
    /// Version or alias; `None` for the unqualified function.
    pub qualifier: Option<String>,
}

impl FunctionRef {
    /// Parses `name`, `name:qualifier`, `123456789012:function:name`, or an ARN with either. `region` applies to a
    /// reference without a Region.
    pub fn parse(reference: &str, region: &str) -> Option<Self> {
        let (region, account, rest) = match reference.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (*region, *account, rest.to_vec())
            }
            ["arn", ..] => return None,
            [account, "function", rest @ ..] => (region, *account, rest.to_vec()),
            rest => (region, "", rest.to_vec()),
        };
        let (name, qualifier) = match rest.as_slice() {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some((*qualifier).to_owned())),
            _ => return None,
        };
        (!name.is_empty()).then(|| Self {
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
            qualifier,
        })
    }

    /// Parses an ARN; `None` for a bare name.
    pub fn from_arn(arn: &str) -> Option<Self> {
        Self::parse(arn, "").filter(|function| arn.starts_with("arn:") && !function.account.is_empty())
    }

    /// The ARN, with the qualifier if present.
    pub fn arn(&self) -> String {
        let Self { region, account, name, qualifier } = self;
        let tail = qualifier.as_ref().map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        format!("arn:aws:lambda:{region}:{account}:function:{name}{tail}")
    }
}

/// True for an account id: 12 digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// IAM's `ArnLike`: compares each of the six components separately. `*` matches any run of characters, `?` exactly one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
pub(crate) fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    patterns.len() == parts.len()
        && patterns.iter().zip(parts).all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
}

/// True if `text` matches `pattern`. `*` matches any run of characters, `?` exactly one.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => glob(rest, text),
        (Some((b'*', rest)), Some((_, tail))) => glob(rest, text) || glob(pattern, tail),
        (Some((b'?', rest)), Some((_, tail))) => glob(rest, tail),
        (Some((wanted, rest)), Some((found, tail))) => wanted == found && glob(rest, tail),
        _ => false,
    }
}
