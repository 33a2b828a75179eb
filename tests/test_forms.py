"""Form types: exact matching, families, and help with misspellings."""

import pytest

from blocks.errors import ParameterError
from blocks.forms import DEFAULT_FORMS, KNOWN_FORMS, expand_forms, wanted
from blocks.models import Filing, FoundBy, Party


def filing(form: str) -> Filing:
    return Filing(
        accession="0001193125-25-000001",
        form=form,
        parties=(Party(cik=1, name="A"),),
        found_by=FoundBy.FEED,
    )


def test_the_default_forms_are_spelled_out_with_their_amendments() -> None:
    for form in ("8-K", "6-K", "10-Q", "10-K", "SC 13D", "SC 13G", "SCHEDULE 13D", "SCHEDULE 13G"):
        assert {form, f"{form}/A"} <= set(DEFAULT_FORMS)
    assert {"424B1", "424B2", "424B3", "424B4", "424B5", "424B7", "424B8"} <= set(DEFAULT_FORMS)
    assert "FWP" in DEFAULT_FORMS
    assert "424B" not in DEFAULT_FORMS
    assert len(DEFAULT_FORMS) == len(set(DEFAULT_FORMS))


def test_the_default_forms_expand_to_themselves() -> None:
    assert expand_forms(DEFAULT_FORMS) == set(DEFAULT_FORMS)


def test_a_family_is_spelled_out() -> None:
    assert expand_forms(["424B"]) == {f"424B{rule}" for rule in range(1, 9)}


def test_an_amendment_comes_only_if_asked_for() -> None:
    both = (filing("8-K"), filing("8-K/A"))
    assert [found.form for found in wanted(both, ["8-K"])] == ["8-K"]
    assert [found.form for found in wanted(both, ["8-K/A"])] == ["8-K/A"]


def test_a_form_is_matched_whole_and_not_by_its_beginning() -> None:
    forms = ("4", "4/A", "424B2", "497", "485BXT", "40-APP")
    assert [found.form for found in wanted(map(filing, forms), ["4"])] == ["4"]


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("8K", "8-K"),
        ("8-k", "8-K"),
        ("10Q", "10-Q"),
        ("10-K/a", "10-K/A"),
        ("13D", "SC 13D"),
        ("SC13G/A", "SC 13G/A"),
        ("SCHEDULE13D", "SCHEDULE 13D"),
        ("424b", "424B"),
    ],
)
def test_a_misspelt_form_is_refused_with_the_right_spelling(misspelt: str, meant: str) -> None:
    with pytest.raises(ParameterError, match=rf"'{misspelt}'.*did you mean '{meant}'") as raised:
        expand_forms(["8-K", misspelt])
    assert raised.value.subject == misspelt


def test_a_form_like_no_other_is_refused_with_a_place_to_look() -> None:
    with pytest.raises(ParameterError, match=r"sec\.gov/forms"):
        expand_forms(["banana"])


def test_no_form_at_all_is_refused() -> None:
    with pytest.raises(ParameterError, match="empty"):
        expand_forms([])


def test_space_around_a_name_does_not_matter() -> None:
    assert expand_forms([" 8-K "]) == {"8-K"}


def test_no_known_form_is_empty_or_broken_over_lines() -> None:
    assert all(form == form.strip() and "\n" not in form and form for form in KNOWN_FORMS)
