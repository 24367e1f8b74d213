//! The destinations in S3's rejection of a document.

/// The ARNs of rejected destinations in S3's error response; empty if the response has no ARN.
///
/// Each ARN is the value of an element `ArgumentName` with a number, and may have the suffix ", null" (as in
/// <https://github.com/awslabs/aws-lambda-redshift-loader/issues/219>).
pub fn refused_destinations(xml: &str) -> Vec<String> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return vec![] };
    let names = document.descendants().filter(|node| node.tag_name().name().starts_with("ArgumentName"));
    names
        .filter_map(|node| node.text()?.split(',').next())
        .map(str::trim)
        .filter(|name| name.starts_with("arn:"))
        .map(Into::into)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rejected_destinations_are_parsed() {
        let refusal = "<Error><Code>InvalidArgument</Code>\
            <Message>Unable to validate the following destination configurations</Message>\
            <ArgumentName1>arn:aws:lambda:eu-west-1:1:function:a, null</ArgumentName1>\
            <ArgumentValue1>Not authorized to invoke function [arn:aws:lambda:eu-west-1:1:function:a]</ArgumentValue1>\
            <ArgumentName2>arn:aws:sqs:eu-west-1:1:b</ArgumentName2>\
            <ArgumentValue2>The destination queue does not exist</ArgumentValue2></Error>";
        assert_eq!(
            refused_destinations(refusal),
            ["arn:aws:lambda:eu-west-1:1:function:a", "arn:aws:sqs:eu-west-1:1:b"]
        );
        let other = "<Error><ArgumentName>Filter</ArgumentName></Error>";
        assert_eq!([other, "", "<Error>"].map(refused_destinations), [const { Vec::<String>::new() }; 3]);
    }
}
