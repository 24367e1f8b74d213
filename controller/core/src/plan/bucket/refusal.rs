//! Which destinations S3 names when it refuses a document.

/// The ARNs in S3's refusal of a document with destinations to which it cannot deliver. Each is the value of an
/// element `ArgumentName`, with a number from the first one on, and may have ", null" behind it
/// (as in <https://github.com/awslabs/aws-lambda-redshift-loader/issues/219>). None where the text says none.
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
    fn every_destination_is_read_that_a_refusal_names() {
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
