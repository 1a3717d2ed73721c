"""The webhook calls of the official Python client, blocking and asynchronous, for the project and for one agent."""

import agentphone
import pytest

from harness.phone import eventually
from harness.receiver import Answer


def test_the_project_webhook_from_setting_to_deletion(sdk, receiver) -> None:
    assert sdk.webhooks.get() is None
    assert sdk.webhooks.delete() == {"success": True}, "also when there is none"
    first = sdk.webhooks.set(receiver.endpoint().url, context_limit=3, timeout=7)
    assert first.id.startswith("wh_") and first.secret.startswith("whsec_")
    assert (first.status, first.context_limit, first.timeout) == ("active", 3, 7)
    assert sdk.webhooks.get() == first, "the secret is shown again"
    second = sdk.webhooks.set(receiver.endpoint().url)
    assert second.secret != first.secret and (second.context_limit, second.timeout) == (10, 30)
    assert sdk.webhooks.delete() == {"success": True}
    assert sdk.webhooks.get() is None


def test_a_test_event_verifies_and_carries_what_was_asked(sdk, receiver) -> None:
    with pytest.raises(agentphone.NotFoundError):
        sdk.webhooks.test()
    endpoint = receiver.endpoint(Answer(body=b'{"reply":"not for tests","action":"respond"}'))
    secret = sdk.webhooks.set(endpoint.url).secret
    result = sdk.webhooks.test(from_="+14155550142", to="+12065550199", message="Ping", channel="imessage")
    assert list(result) == ["success", "httpStatus", "statusCode", "errorMessage", "error", "responseMs", "responseBody"]
    assert (result["success"], result["httpStatus"], result["statusCode"], result["error"]) == (True, 200, 200, None)
    request = endpoint.wait()[0]
    event = agentphone.construct_event(
        request.body, request.headers["x-webhook-signature"], secret, request.headers["x-webhook-timestamp"]
    )
    assert (event.event, event.channel, event.test) == ("agent.message", "imessage", True)
    assert (event.data.from_number, event.data.to_number, event.data.message) == ("+14155550142", "+12065550199", "Ping")
    assert event.conversation_state == {"testMode": True} and event.data.message_id.startswith("msg_")
    endpoint.stays_at(1, 0.6)
    assert sdk.conversations.list().total == 0, "a test sends nothing to anybody"


def test_a_failing_endpoint_is_a_result_of_the_test_and_is_not_retried(sdk, receiver) -> None:
    endpoint = receiver.endpoint(Answer(500, b"broken"))
    sdk.webhooks.set(endpoint.url)
    result = sdk.webhooks.test()
    assert (result["success"], result["httpStatus"], result["responseBody"]) == (False, 500, "broken")
    assert result["errorMessage"] and result["errorMessage"] == result["error"]
    endpoint.stays_at(1)
    assert [(d.attempt_count, d.status) for d in sdk.webhooks.list_deliveries()] == [(1, "failed")]


def test_deliveries_and_statistics_count_what_happened(sdk, network, receiver) -> None:
    assert sdk.webhooks.get_all_time_stats() == {"total": 0, "success": 0, "failed": 0, "successRate": 100}
    endpoint = receiver.endpoint(Answer(200, b"thanks"), Answer(410))
    sdk.webhooks.set(endpoint.url)
    number, phone = sdk.numbers.buy(type="sms"), network.handset()
    for text in ("One", "Two"):
        phone.text(number.phone_number, text)
        eventually(lambda: endpoint.requests and endpoint.requests[-1].json["data"]["message"] == text)
    eventually(lambda: [d.status for d in sdk.webhooks.list_deliveries()] == ["failed", "success"], what="newest first")
    gone, well = sdk.webhooks.list_deliveries(hours=1)
    assert well.id.startswith("dlv_") and well.message_id == endpoint.requests[0].json["data"]["messageId"]
    assert (well.event_type, well.channel, well.http_status, well.response_body) == ("agent.message", "sms", 200, "thanks")
    assert (well.attempt_count, well.error_message, well.next_retry_at) == (1, None, None)
    assert (gone.http_status, gone.attempt_count, gone.next_retry_at) == (410, 1, None) and gone.error_message
    assert [d.id for d in sdk.webhooks.list_deliveries(limit=1, offset=1)] == [well.id]

    stats = sdk.webhooks.get_delivery_stats()
    assert (stats.total, stats.success, stats.failed, stats.pending, stats.success_rate) == (2, 1, 1, 0, 50)
    assert stats.by_event_type == {"agent.message": {"success": 1, "failed": 1, "pending": 0}}
    assert sum(hour["success"] + hour["failed"] + hour["pending"] for hour in stats.by_hour) == 2
    assert set(stats.by_hour[0]) == {"hour", "success", "failed", "pending"}
    assert sdk.webhooks.get_all_time_stats() == {"total": 2, "success": 1, "failed": 1, "successRate": 50}


def test_an_agents_webhook_takes_the_events_of_its_numbers(sdk, network, receiver) -> None:
    agent = sdk.agents.create(name="Desk")
    assert sdk.agents.get_webhook(agent.id) is None
    assert sdk.agents.list_webhook_deliveries(agent.id) == []
    with pytest.raises(agentphone.NotFoundError):
        sdk.agents.test_webhook(agent.id)
    project, own = receiver.endpoint(), receiver.endpoint()
    sdk.webhooks.set(project.url)
    webhook = sdk.agents.set_webhook(agent.id, own.url, context_limit=0, timeout=5)
    assert sdk.agents.get_webhook(agent.id) == webhook and (webhook.context_limit, webhook.timeout) == (0, 5)
    attached, loose = sdk.numbers.buy(type="sms", agent_id=agent.id), sdk.numbers.buy(type="sms")
    phone = network.handset()
    phone.text(attached.phone_number, "For the agent")
    phone.text(loose.phone_number, "For the project")
    event = own.wait()[0].json
    assert (event["data"]["message"], event["agentId"], event["recentHistory"]) == ("For the agent", agent.id, [])
    assert project.wait()[0].json["data"]["message"] == "For the project"
    assert project.requests[0].json["agentId"] is None
    eventually(lambda: [d.status for d in sdk.agents.list_webhook_deliveries(agent.id, limit=5)] == ["success"])
    assert sdk.agents.test_webhook(agent.id)["success"] is True
    assert own.wait(2)[1].json["test"] is True
    assert sdk.agents.delete_webhook(agent.id) == {"success": True}
    assert sdk.agents.get_webhook(agent.id) is None
    phone.text(attached.phone_number, "Now for the project")
    assert project.wait(2)[1].json["data"]["message"] == "Now for the project"
    assert len(own.requests) == 2
