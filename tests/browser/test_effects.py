"""The twelve send effects, played when a text is first seen; still for those who wish for less motion."""

import pytest
from playwright.sync_api import expect

from stage import eventually, message, phone

SCREEN = ["confetti", "balloons", "fireworks", "celebration", "lasers", "spotlight", "echo", "love"]
BUBBLE = ["slam", "loud", "gentle"]


def watch_effects(page) -> None:
    """Notes every effect from its first moment: some are over before a test can look."""
    page.evaluate("""() => {
      window.seen = [];
      new MutationObserver(changes => {
        for (const { addedNodes } of changes) for (const node of addedNodes) {
          if (!node.classList?.contains('effect')) continue;
          const note = { effect: node.dataset.effect };
          window.seen.push(note);
          requestAnimationFrame(() => requestAnimationFrame(() => {
            note.canvas = Boolean(node.querySelector('canvas')?.width);
            note.still = node.classList.contains('still');
            note.text = node.textContent;
            note.inside = node.children.length;
            note.moves = document.getAnimations().filter(one => one.effect.target.closest('.effect, .bubble')).length;
          }));
        }
      }).observe(document.querySelector('.stage'), { childList: true });
    }""")


def noted(page) -> dict:
    return eventually(lambda: page.evaluate("window.seen.find(note => 'moves' in note)"), "an effect")


@pytest.mark.parametrize("effect", SCREEN + BUBBLE)
def test_an_effect_plays_once_when_the_text_is_seen(effect, show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    shop.send(ada.number, "First")
    expect(message(phone(page, ada), "First")).to_be_visible()
    watch_effects(page)
    shop.send(ada.number, "Tadaa", send_style=effect)
    note = noted(page)
    assert note["effect"] == effect and not note["still"]
    assert note["canvas"] or note["moves"], "something moves"
    assert note["canvas"] == (effect in SCREEN[:5])
    expect(page.locator(".effect")).to_have_count(0, timeout=30_000)
    shown = message(phone(page, ada), "Tadaa")
    expect(shown.get_by_role("button", name="Sent with")).to_be_visible()
    page.reload()
    expect(shown).to_be_visible()
    expect(page.locator(".effect")).to_have_count(0)
    watch_effects(page)
    shown.get_by_role("button", name="Sent with").click()
    assert noted(page)["effect"] == effect


@pytest.mark.parametrize("effect", ["confetti", "slam", "love"])
def test_with_less_motion_an_effect_stands_still(effect, show, shop, ada) -> None:
    page = show(ada, thread=shop.number, reduced_motion="reduce")
    shop.send(ada.number, "First")
    expect(message(phone(page, ada), "First")).to_be_visible()
    watch_effects(page)
    shop.send(ada.number, "Tadaa", send_style=effect)
    note = noted(page)
    assert note == note | {"effect": effect, "still": True, "canvas": False, "moves": 0}
    assert note["text"] == effect.capitalize()
    expect(page.locator(".effect")).to_have_count(0)


def test_an_effect_waits_until_its_conversation_is_opened(show, shop, ada) -> None:
    shop.send(ada.number, "Surprise", send_style="confetti")
    page = show(ada)
    watch_effects(page)
    expect(page.locator(".row")).to_contain_text("Surprise")
    assert page.evaluate("window.seen") == []
    page.locator(".row").click()
    assert noted(page)["effect"] == "confetti"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_invisible_ink_covers_until_it_is_touched(motion, show, shop, ada) -> None:
    shop.send(ada.number, "The treasure is under the oak", send_style="invisible")
    page = show(ada, reduced_motion=motion)
    expect(page.locator(".row")).not_to_contain_text("treasure")
    page.locator(".row").click()
    box = page.locator(".bubble")
    cover = page.get_by_role("button", name="Invisible ink: show the message")
    expect(cover).to_be_visible()
    colour = "body => getComputedStyle(body).color"
    assert page.locator(".bubble .body").evaluate(colour) == "rgba(0, 0, 0, 0)"
    assert page.get_by_role("paragraph").filter(has_text="treasure").count() == 0, "covered for screen readers too"
    cover.focus()
    page.keyboard.press("Enter")
    expect(box).not_to_have_class("bubble covered")
    expect(page.get_by_role("paragraph").filter(has_text="treasure")).to_be_visible()
    page.keyboard.press("Enter")
    expect(box).to_have_class("bubble covered")
    page.locator(".bubble").hover()
    expect(box).not_to_have_class("bubble covered")
