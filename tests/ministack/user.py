"""Creates a user with one policy in a ministack that verifies signatures and policies.

user.py <endpoint> <account> <policy as JSON> [<role>...] prints the user's access key and secret, separated by a space.
A second run replaces the policy and prints nothing, since the key exists. The roles have no policies.
"""

import json
import sys

import botocore.session
from botocore.config import Config

NAME = "operator"


def main(endpoint: str, account: str, policy: str, *roles: str) -> None:
    iam = botocore.session.get_session().create_client(
        "iam",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=account,  # the root user of that account
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 1}),
    )
    try:
        iam.create_user(UserName=NAME)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    iam.put_user_policy(UserName=NAME, PolicyName="least", PolicyDocument=policy)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for role in roles:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
    if not iam.list_access_keys(UserName=NAME)["AccessKeyMetadata"]:
        key = iam.create_access_key(UserName=NAME)["AccessKey"]
        print(key["AccessKeyId"], key["SecretAccessKey"])


if __name__ == "__main__":
    main(*sys.argv[1:])
