"""Notices as issues, against a server that keeps issues as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.receivers import IssueTracker, Received, Reply, web_receiver
from tests.unit.core.notify.notices import notice
from tidemill.notify.delivery import NotDelivered
from tidemill.notify.github import GitHubChannel

TOKEN = "ghp_of_a_test"


@pytest.fixture
def tracker() -> IssueTracker:
    return IssueTracker(TOKEN)


@pytest.fixture
def channel(tracker: IssueTracker) -> Iterator[GitHubChannel]:
    with web_receiver(tracker) as server:
        made = GitHubChannel(f"{server.url}/", "owner/name", TOKEN, 5, "prod-")
        yield made
        made.close()


def test_one_issue_is_opened_for_each_model_and_kind_and_more_become_its_comments(
    tracker: IssueTracker, channel: GitHubChannel
) -> None:
    assert channel.send(notice()) == "issue 1 opened"
    assert channel.send(notice(notice_id="n-2", text="It moved again.")) == "comment on issue 1"
    assert channel.send(notice(kind="retrain_failed")) == "issue 2 opened"
    assert channel.send(notice(model="gauge")) == "issue 3 opened"
    assert [issue["title"] for issue in tracker.issues] == ["tide: drift", "tide: retrain failed", "gauge: drift"]
    assert [len(comments) for comments in tracker.comments.values()] == [1, 0, 0]
    assert "It moved again." in tracker.comments[1][0] and "https://s.example/tide" in tracker.comments[1][0]


def test_a_closed_issue_stays_closed_and_another_one_is_opened(tracker: IssueTracker, channel: GitHubChannel) -> None:
    channel.send(notice())
    tracker.issues[0]["state"] = "closed"
    assert channel.send(notice()) == "issue 2 opened"
    tracker.issues[1]["title"] = "somebody's words"
    assert channel.send(notice()) == "comment on issue 2"


def test_the_open_issue_is_found_behind_a_page_of_others_and_is_no_pull_request_and_no_other_platforms(
    tracker: IssueTracker, channel: GitHubChannel
) -> None:
    channel.send(notice())
    for number in range(2, 120):
        issue = {**tracker.issues[0], "number": number, "body": "something else"}
        tracker.issues.append(issue)
    tracker.issues[5] |= {"body": tracker.issues[0]["body"], "pull_request": {}}
    tracker.issues[6] |= {"body": tracker.issues[0]["body"].replace("prod-", "dev-")}
    assert channel.send(notice()) == "comment on issue 1"


def test_what_a_notice_says_mentions_nobody_and_is_no_markdown(tracker: IssueTracker, channel: GitHubChannel) -> None:
    channel.send(notice(title="by @octocat <b>", text="```\n@octocat ````` # no heading"))
    body = tracker.issues[0]["body"]
    assert "by @\u200boctocat \\<b\\>" in body
    fence = body.split("\n\n")[1].splitlines()[0]
    assert fence == "``````text" and body.count("``````") == 2, "longer than any run of its own"


def test_a_wrong_token_and_what_is_no_github_are_said_without_the_token(tracker: IssueTracker) -> None:
    with web_receiver(tracker) as server:
        with pytest.raises(NotDelivered, match=r"HTTP 401: .*Bad credentials"):
            GitHubChannel(server.url, "owner/name", "another", 5).send(notice())
        server.answering = lambda request: Reply(200)
        with pytest.raises(NotDelivered, match="no JSON: is TIDEMILL_NOTIFY_GITHUB_URL"):
            GitHubChannel(server.url, "owner/name", TOKEN, 5).send(notice())


def test_a_label_that_github_left_out_is_told(tracker: IssueTracker, caplog: pytest.LogCaptureFixture) -> None:
    with web_receiver(lambda request: Reply(200, [] if request.method == "GET" else {"number": 4})) as server:
        GitHubChannel(server.url, "owner/name", TOKEN, 5).send(notice())
    assert "issue 4 has no label 'tidemill'" in caplog.text


@pytest.mark.parametrize(
    "body", [{}, "x", 5, None, ["x"], [{"body": 5}], [{"number": "1"}], {"message": "Not Found"}, "[" * 100_000]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_answers_in_another_form_than_github_has_taken_no_notice(body: object, method: str) -> None:
    def answering(request: Received) -> Reply:
        return Reply(200, body if request.method == method else [])

    with web_receiver(answering) as server, pytest.raises(NotDelivered, match="is TIDEMILL_NOTIFY_GITHUB_URL"):
        GitHubChannel(server.url, "owner/name", TOKEN, 5).send(notice())
