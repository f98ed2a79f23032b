"""Which request meets which fault."""

import pytest

from scrapinsta_ray.simulator.faults import Asked, Faults, UnknownFault


def asked(account="bot_1", kind="feed", path="/api/v1/feed/user/201/", target="cafe_lucia", method="GET"):
    return Asked(account, method, path, kind, target)


def met(faults, number=1, **request):
    """The fault of each of so many requests, None for a good answer."""
    found = [faults.take(asked(**request)) for _ in range(number)]
    return [doings[-1].fault if doings else None for doings in found]


def rules(*several, seed=7):
    faults = Faults(seed)
    for one in several:
        faults.add(one)
    return faults


def test_a_script_says_it_request_by_request():
    faults = rules({"script": ["ok", "throttled", {"fault": "rate_limited", "retry_after": 9}, "ok"]})
    assert met(faults, 6) == [None, "throttled", "rate_limited", None, None, None]
    assert faults.active == []


def test_a_script_may_be_played_again_or_for_ever():
    assert met(rules({"script": ["ok", "empty"], "times": 2}), 6) == [
        None,
        "empty",
        None,
        "empty",
        None,
        None,
    ]
    assert met(rules({"script": ["ok", "empty"], "times": -1}), 6) == [None, "empty"] * 3


def test_an_ok_of_a_script_is_not_spoilt_by_a_later_rule():
    faults = rules({"script": ["ok"], "path": "feed"}, {"fault": "empty", "times": -1})
    assert met(faults, 2) == [None, "empty"]


def test_the_first_requests_may_be_spared():
    assert met(rules({"fault": "empty", "after": 2}), 4) == [None, None, "empty", None]


@pytest.mark.parametrize(
    ("rule", "meets", "passes"),
    [
        ({"account": "bot_2"}, {"account": "bot_2"}, {"account": "bot_1"}),
        ({"path": "clips"}, {"kind": "clips"}, {"kind": "feed"}),
        ({"path": ["clips", "home"]}, {"kind": "home"}, {"kind": "feed"}),
        ({"path": "api"}, {"kind": "followings"}, {"kind": "profile"}),
        ({"path": "page"}, {"kind": "profile"}, {"kind": "followings"}),
        ({"path": "api_profile"}, {"kind": "web_profile_info"}, {"kind": "profile"}),
        ({"path_prefix": "/api/"}, {"path": "/api/v1/x"}, {"path": "/cafe_lucia/"}),
        ({"target": "cafe_lucia"}, {"target": "cafe_lucia"}, {"target": "solo_amigos"}),
        ({"method": "POST"}, {"method": "POST"}, {"method": "GET"}),
    ],
)
def test_a_rule_meets_what_it_names_and_nothing_else(rule, meets, passes):
    faults = rules({"fault": "empty", **rule})
    assert met(faults, **passes) == [None]
    assert met(faults, **meets) == ["empty"]


def test_each_account_may_have_its_own_turn():
    faults = rules({"fault": "empty", "each_account": True})
    assert [met(faults, account=f"bot_{n}") for n in (1, 2, 1, 2)] == [["empty"], ["empty"], [None], [None]]


def test_latencies_add_to_a_fault():
    faults = rules({"fault": "latency", "times": -1}, {"fault": "empty"})
    assert [doing.fault for doing in faults.take(asked())] == ["latency", "empty"]
    assert [doing.fault for doing in faults.take(asked())] == ["latency"]


def test_a_chance_is_kept_to_and_follows_from_the_seed():
    drawn = [met(rules({"fault": "empty", "probability": 0.1}, seed=seed), 2000) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert 150 < drawn[0].count("empty") < 250


def test_a_chance_does_not_depend_on_what_others_do():
    alone, crowded = (rules({"fault": "empty", "probability": 0.3}) for _ in range(2))
    expected = met(alone, 50)
    found = []
    for _ in range(50):
        met(crowded, account="bot_2")
        found += met(crowded)
    assert found == expected


def test_a_chance_may_be_used_up():
    assert met(rules({"fault": "empty", "probability": 0.5, "times": 3}), 100).count("empty") == 3


def test_clearing_begins_anew():
    faults = rules({"fault": "empty", "probability": 0.5})
    first = met(faults, 30)
    faults.clear()
    assert met(faults) == [None]
    faults.add({"fault": "empty", "probability": 0.5})
    assert met(faults, 30) == first


def test_replacing_is_all_or_nothing():
    faults = rules({"fault": "empty"})
    with pytest.raises(UnknownFault):
        faults.replace([{"fault": "reset"}, {"fault": "nothing"}])
    assert met(faults) == ["empty"]
    faults.replace([{"fault": "reset"}])
    assert met(faults) == ["reset"]


def test_faults_of_one_place_are_not_used_up_elsewhere():
    faults = rules({"fault": "soft_blocked"}, {"fault": "two_factor"})
    assert met(faults, kind="profile") == [None]
    assert met(faults, kind="followings") == ["soft_blocked"]
    assert met(faults, kind="login_call") == ["two_factor"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"fault": "x"},
        {"fault": "empty", "times": 1.5},
        {"fault": "empty", "times": -2},
        {"fault": "empty", "probability": 1.1},
        {"fault": "empty", "probability": "often"},
        {"fault": "empty", "after": -1},
        {"fault": "empty", "path": "nowhere"},
        {"fault": "empty", "path": 3},
        {"fault": "empty", "account": 3},
        {"fault": "empty", "retry_after": 3},
        {"fault": "rate_limited", "retry_after": "soon"},
        {"fault": "rate_limited", "retry_after_as": "words"},
        {"fault": "latency", "seconds": [2, 1]},
        {"fault": "latency", "seconds": True},
        {"fault": "truncated", "honest": 1},
        {"script": []},
        {"script": "ok"},
        {"script": ["x"]},
        {"script": [{}]},
        {"script": ["empty"], "fault": "empty"},
        {"script": ["empty"], "probability": 0.5},
        {"fault": "empty", "each_account": "yes"},
    ],
)
def test_nonsense_is_refused(nonsense):
    with pytest.raises(UnknownFault):
        Faults(7).add(nonsense)
