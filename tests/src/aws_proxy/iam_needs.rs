//! Permissions that IAM requires for a request: actions on resources, with the context for conditions.
//!
//! Most operations need only the action of the same name. The sources for further actions are at each operation.

use serde_json::Value;

use super::{arn::FunctionRef, call::Request, scheduler_request::members, state::Shared};
use crate::scheduler::check::{group, text};

/// A required action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub action: String,
    pub resource: String,
    /// Condition keys and their values.
    pub context: Vec<(&'static str, Vec<String>)>,
}

impl Need {
    /// An action on a resource, without context.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: vec![] }
    }

    /// An action on the function that the request names.
    pub fn of_function(action: &str, request: &Request) -> Self {
        Self::new(action, function_arn(request))
    }

    fn with(mut self, key: &'static str, values: Vec<String>) -> Self {
        self.context.push((key, values));
        self
    }

    /// The values of a condition key; `None` if the request does not have the key.
    pub fn context(&self, key: &str) -> Option<&[String]> {
        self.context.iter().find(|(found, _)| *found == key).map(|(_, values)| values.as_slice())
    }
}

/// All permissions that a request needs.
pub(super) async fn needs(shared: &Shared, request: &Request) -> Vec<Need> {
    let Request { service, operation, resource, account, region, .. } = request;
    match service.as_str() {
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
        "s3" if operation == "ListBuckets" => vec![Need::new("s3:ListAllMyBuckets", "*")],
        "s3" => {
            let action = match operation.as_str() {
                "GetBucketNotificationConfiguration" => "s3:GetBucketNotification".to_owned(),
                "PutBucketNotificationConfiguration" => "s3:PutBucketNotification".to_owned(),
                other => format!("s3:{other}"),
            };
            let owner = bucket_owner(shared, request).await;
            vec![
                Need::new(action, format!("arn:aws:s3:::{resource}")).with("s3:ResourceAccount", vec![owner]),
            ]
        }
        "lambda" => lambda(shared, request).await,
        "events" => {
            let own = Need::new(
                format!("events:{operation}"),
                format!("arn:aws:events:{region}:{account}:rule/{resource}"),
            );
            match operation.as_str() {
                "ListRuleNamesByTarget" | "ListRules" => vec![Need { resource: "*".into(), ..own }],
                "PutTargets" => {
                    let targets = request.json()["Targets"].as_array().cloned().unwrap_or_default();
                    let arns = targets.iter().filter_map(|target| target["Arn"].as_str());
                    vec![own.with("events:TargetArn", arns.map(Into::into).collect())]
                }
                // Tags on a new rule need a second action
                // (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html).
                "PutRule" if request.json()["Tags"].is_array() => {
                    vec![own.clone(), Need { action: "events:TagResource".into(), ..own }]
                }
                _ => vec![own],
            }
        }
        "scheduler" => scheduler(request),
        // IAM never denies this call (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
        "sts" if operation == "GetCallerIdentity" => vec![],
        "sts" => {
            let role = request.form("RoleArn").unwrap_or_else(|| "*".into());
            vec![Need::new(format!("sts:{operation}"), role)]
        }
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
        "iam" if operation == "SimulatePrincipalPolicy" => {
            let role = request.form("PolicySourceArn").unwrap_or_else(|| "*".into());
            vec![Need::new("iam:SimulatePrincipalPolicy", role)]
        }
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html
        "tagging" => vec![Need::new(format!("tag:{operation}"), "*")],
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
        "monitoring" => vec![Need::new(format!("cloudwatch:{operation}"), "*")],
        _ => vec![Need::new(format!("{service}:{operation}"), "*")],
    }
}

/// Permissions for EventBridge Scheduler. IAM checks `ListSchedules` on all groups, also for a list of one group.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html>,
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role>
fn scheduler(request: &Request) -> Vec<Need> {
    let members = members(request);
    let Request { operation, region, account, .. } = request;
    let arn = |resource: &str| format!("arn:aws:scheduler:{region}:{account}:{resource}");
    let need = |resource: String| Need::new(format!("scheduler:{operation}"), resource);
    let name = text(&members, "Name");
    match operation.as_str() {
        "ListSchedules" => vec![need(arn("schedule/*/*"))],
        "ListScheduleGroups" => vec![need(arn("schedule-group/*"))],
        "CreateScheduleGroup" if members["Tags"].is_array() => {
            let own = need(arn(&format!("schedule-group/{name}")));
            vec![own.clone(), Need { action: "scheduler:TagResource".into(), ..own }]
        }
        operation if operation.ends_with("ScheduleGroup") => {
            vec![need(arn(&format!("schedule-group/{name}")))]
        }
        operation if operation.ends_with("Schedule") => {
            let own = need(arn(&format!("schedule/{}/{name}", group(&members))));
            let role = members["Target"]["RoleArn"].as_str().map(|role| {
                let service = vec!["scheduler.amazonaws.com".into()];
                Need::new("iam:PassRole", role).with("iam:PassedToService", service)
            });
            [own].into_iter().chain(role).collect()
        }
        _ => vec![need(text(&members, "ResourceArn").to_owned())],
    }
}

async fn bucket_owner(shared: &Shared, request: &Request) -> String {
    let account = shared.account(&request.account);
    let account = account.lock().await;
    account.buckets.get(&request.resource).map_or_else(|| account.id.clone(), |bucket| bucket.owner.clone())
}

fn function_arn(request: &Request) -> String {
    let segments = request.segments();
    let named = segments.get(2).filter(|name| !name.is_empty()).cloned();
    let named = named.unwrap_or_else(|| request.resource.clone());
    let qualifier = request.parameters().remove("Qualifier");
    let parsed = FunctionRef::parse(&named, &request.region);
    parsed.map_or_else(
        || format!("arn:aws:lambda:{}:{}:function:{named}", request.region, request.account),
        |mut function| {
            if function.account.is_empty() {
                function.account.clone_from(&request.account);
            }
            function.qualifier = function.qualifier.or(qualifier);
            function.arn()
        },
    )
}

async fn lambda(shared: &Shared, request: &Request) -> Vec<Need> {
    let body = request.json();
    let own = Need::of_function(&format!("lambda:{}", request.operation), request);
    match request.operation.as_str() {
        "AddPermission" => {
            let principal = body["Principal"].as_str().unwrap_or_default().to_owned();
            vec![own.with("lambda:Principal", vec![principal])]
        }
        "CreateFunction" => {
            let tagged = body["Tags"].is_object().then(|| Need::of_function("lambda:TagResource", request));
            let others = settings(request, &body).into_iter().chain(code(
                &body["Code"],
                &request.region,
                &request.account,
            ));
            [own].into_iter().chain(tagged).chain(others).collect()
        }
        "UpdateFunctionConfiguration" => [own].into_iter().chain(settings(request, &body)).collect(),
        "UpdateFunctionCode" => {
            [own].into_iter().chain(code(&body, &request.region, &request.account)).collect()
        }
        "DeleteFunction" => {
            vec![tags(shared, request).await.into_iter().fold(own, |own, (key, value)| match key.as_str() {
                "lambda-triggers.dev/owner" => {
                    own.with("aws:ResourceTag/lambda-triggers.dev/owner", vec![value])
                }
                _ => own,
            })]
        }
        _ => vec![own],
    }
}

async fn tags(shared: &Shared, request: &Request) -> Vec<(String, String)> {
    let path = format!("/2015-03-31/functions/{}", request.resource);
    let scope = (request.account.as_str(), request.region.as_str(), "lambda");
    let answer = shared.upstream.own(scope, hyper::Method::GET, &path, &[], "").await;
    let document: Value =
        answer.ok().and_then(|answer| serde_json::from_slice(answer.body()).ok()).unwrap_or_default();
    let tags = document["Tags"].as_object().cloned().unwrap_or_default();
    tags.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Permissions of the caller that Lambda uses for the settings of a function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/permissions-user-function.html>, and configuration-vpc.html and
/// configuration-envvars-encryption.html in the same guide).
fn settings(request: &Request, body: &Value) -> Vec<Need> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let role = text(&body["Role"]).map(|role| {
        Need::new("iam:PassRole", role).with("iam:PassedToService", vec!["lambda.amazonaws.com".into()])
    });
    let layers = list(&body["Layers"]).into_iter().filter_map(|layer| text(&layer));
    let layers = layers.map(|layer| Need::new("lambda:GetLayerVersion", layer));
    let in_vpc = !list(&body["VpcConfig"]["SubnetIds"]).is_empty();
    let network = ["DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"];
    let network = network.iter().filter(|_| in_vpc).map(|action| Need::new(format!("ec2:{action}"), "*"));
    let key = text(&body["KMSKeyArn"]);
    let keys = key.into_iter().flat_map(|key| {
        let via = || vec![format!("lambda.{}.amazonaws.com", request.region)];
        ["kms:CreateGrant", "kms:Encrypt", "kms:Decrypt"].map(|action| {
            let need = Need::new(action, &*key).with("kms:ViaService", via());
            if action == "kms:CreateGrant" {
                need.with("kms:GrantIsForAWSResource", vec!["true".into()])
            } else {
                need
            }
        })
    });
    role.into_iter().chain(layers).chain(network).chain(keys).collect()
}

/// Permissions of the caller that Lambda uses to read the code of a function
/// (<https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>, and API_FunctionCode.html in the API reference).
fn code(code: &Value, region: &str, account: &str) -> Vec<Need> {
    let text = |name: &str| code[name].as_str();
    if let (Some(bucket), Some(key)) = (text("S3Bucket"), text("S3Key")) {
        let action = if text("S3ObjectVersion").is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let owner = vec![account.to_owned()];
        return vec![
            Need::new(action, format!("arn:aws:s3:::{bucket}/{key}")).with("s3:ResourceAccount", owner),
        ];
    }
    let Some(uri) = text("ImageUri") else { return vec![] };
    let repository =
        uri.split_once('/').map_or(uri, |(_, path)| path).split(['@', ':']).next().unwrap_or_default();
    let arn = format!("arn:aws:ecr:{region}:{account}:repository/{repository}");
    ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"].map(|action| Need::new(action, &*arn)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws_proxy::scheduler_request::tests::request;

    #[test]
    fn scheduler_needs_name_groups_and_roles() {
        let arn = |resource: &str| format!("arn:aws:scheduler:eu-west-1:123456789012:{resource}");
        let need = |action: &str, resource: &str| Need::new(format!("scheduler:{action}"), arn(resource));
        let role = "arn:aws:iam::123456789012:role/scheduler";
        let passed = Need::new("iam:PassRole", role)
            .with("iam:PassedToService", vec!["scheduler.amazonaws.com".to_owned()]);
        let schedule = json!({"GroupName": "team", "Target": {"RoleArn": role}});
        let tags = json!({"Tags": [{"Key": "a", "Value": "b"}]});
        let tagged = format!("/tags/{}", arn("schedule-group%2Fteam"));
        let cases = [
            (
                "POST /schedules/app",
                &schedule,
                vec![need("CreateSchedule", "schedule/team/app"), passed.clone()],
            ),
            ("PUT /schedules/app", &schedule, vec![need("UpdateSchedule", "schedule/team/app"), passed]),
            ("GET /schedules/app", &Value::Null, vec![need("GetSchedule", "schedule/default/app")]),
            (
                "DELETE /schedules/app?groupName=team",
                &Value::Null,
                vec![need("DeleteSchedule", "schedule/team/app")],
            ),
            ("GET /schedules?ScheduleGroup=team", &Value::Null, vec![need("ListSchedules", "schedule/*/*")]),
            (
                "POST /schedule-groups/team",
                &tags,
                vec![
                    need("CreateScheduleGroup", "schedule-group/team"),
                    need("TagResource", "schedule-group/team"),
                ],
            ),
            (
                "GET /schedule-groups/team",
                &Value::Null,
                vec![need("GetScheduleGroup", "schedule-group/team")],
            ),
            (
                &*format!("GET {tagged}"),
                &Value::Null,
                vec![need("ListTagsForResource", "schedule-group/team")],
            ),
            (&*format!("POST {tagged}"), &tags, vec![need("TagResource", "schedule-group/team")]),
        ];
        for (line, body, expected) in cases {
            assert_eq!(scheduler(&request("eu-west-1", line, body)), expected, "{line}");
        }
    }
}
