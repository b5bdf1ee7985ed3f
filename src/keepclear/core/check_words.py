"""Words that stand for bytes, to be read out by telephone: the PGP word list.

Each byte is one word: of two syllables at even places, of three at odd ones, so that a word that is left
out, said twice or swapped is noticed. The words were chosen to sound unlike each other.

Source:
    The words: P. Juola and P. Zimmermann, "Whole-Word Phonetic Distances and the PGPfone Alphabet",
    ICSLP 1996.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from keepclear.core.errors import InvalidValueError

FINGERPRINT_BYTES: Final = 16
"""The length of a fingerprint that people compare: 16 words, more than can be forged."""
WORDS_MAX: Final = 64
"""So many words are read at a time, at most."""
_CHARACTERS_MAX: Final = 24  # of a word that is shown again, or looked for among ours
_LIKENESS_MIN: Final = 0.5  # below it, two words are not alike

_EVEN: Final = """
aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple artist
assume Athens atlas Aztec baboon backfield backward banjo beaming bedlamp beehive beeswax befriend Belfast
berserk billiard bison blackjack blockade blowtorch bluebird bombast bookshelf brackish breadline breakup
brickyard briefcase Burbank button buzzard cement chairlift chatter checkup chisel choking chopper Christmas
clamshell classic classroom cleanup clockwork cobra commence concert cowbell crackdown cranky crowfoot
crucial crumpled crusade cubic dashboard deadbolt deckhand dogsled dragnet drainage dreadful drifter dropper
drumbeat drunken Dupont dwelling eating edict egghead eightball endorse endow enlist erase escape exceed
eyeglass eyetooth facial fallout flagpole flatfoot flytrap fracture framework freedom frighten gazelle
Geiger glitter glucose goggles goldfish gremlin guidance hamlet highchair hockey indoors indulge inverse
involve island jawbone keyboard kickoff kiwi klaxon locale lockup merit minnow miser Mohawk mural music
necklace Neptune newborn nightbird Oakland obtuse offload optic orca payday peachy pheasant physique
playhouse Pluto preclude prefer preshrunk printer prowler pupil puppy python quadrant quiver quota ragtime
ratchet rebirth reform regain reindeer rematch repay retouch revenge reward rhythm ribcage ringbolt robust
rocker ruffled sailboat sawdust scallion scenic scorecard Scotland seabird select sentence shadow shamrock
showgirl skullcap skydive slingshot slowdown snapline snapshot snowcap snowslide solo southward soybean
spaniel spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate stairway standard stapler
steamship sterling stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics talon
tapeworm tempest tiger tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor tunnel
tycoon uncut unearth unwind uproot upset upshot vapor village virus Vulcan waffle wallet watchword wayside
willow woodlark Zulu
"""
_ODD: Final = """
adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo armistice
article asteroid Atlantic atmosphere autopsy Babylon backwater barbecue belowground bifocals bodyguard
bookseller borderline bottomless Bradbury bravado Brazilian breakaway Burlington businessman butterfat
Camelot candidate cannonball Capricorn caravan caretaker celebrate cellulose certify chambermaid Cherokee
Chicago clergyman coherence combustion commando company component concurrent confidence conformist
congregate consensus consulting corporate corrosion councilman crossover crucifix cumbersome customer Dakota
decadence December decimal designing detector detergent determine dictator dinosaur direction disable
disbelief disruptive distortion document embezzle enchanting enrollment enterprise equation equipment
escapade Eskimo everyday examine existence exodus fascinate filament finicky forever fortitude frequency
gadgetry Galveston getaway glossary gossamer graduate gravity guitarist hamburger Hamilton handiwork
hazardous headwaters hemisphere hesitate hideaway holiness hurricane hydraulic impartial impetus inception
indigo inertia infancy inferno informant insincere insurgent integrate intention inventive Istanbul Jamaica
Jupiter leprosy letterhead liberty maritime matchmaker maverick Medusa megaton microscope microwave
midsummer millionaire miracle misnomer molasses molecule Montana monument mosquito narrative nebula
newsletter Norwegian October Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora paperweight
paragon paragraph paramount passenger pedigree Pegasus penetrate perceptive performance pharmacy phonetic
photograph pioneer pocketful politeness positive potato processor provincial proximate puberty publisher
pyramid quantity racketeer rebellion recipe recover repellent replica reproduce resistor responsive
retraction retrieval retrospect revenue revival revolver sandalwood sardonic Saturday savagery scavenger
sensation sociable souvenir specialist speculate stethoscope stupendous supportive surrender suspicious
sympathy tambourine telephone therapist tobacco tolerance tomorrow torpedo tradition travesty trombonist
truncated typewriter ultimate undaunted underfoot unicorn unify universe unravel upcoming vacancy vagabond
vertigo Virginia visitor vocalist voyager warranty Waterloo whimsical Wichita Wilmington Wyoming yesteryear
Yucatan
"""
CHECK_WORDS: Final = (tuple(_EVEN.split()), tuple(_ODD.split()))
"""The word for each byte, at even places and at odd ones."""
_BYTES: Final = tuple({word.lower(): byte for byte, word in enumerate(words)} for words in CHECK_WORDS)


def words_of(data: bytes) -> tuple[str, ...]:
    """Return the words for bytes, one for each."""
    return tuple(CHECK_WORDS[place % 2][byte] for place, byte in enumerate(data))


def bytes_of(words: Sequence[str]) -> bytes:
    """Return the bytes that words stand for; capitals don't count.

    Raises:
        InvalidValueError: A word is not known, or not of its place, or there are too many.
    """
    if len(words) > WORDS_MAX:
        raise InvalidValueError("words", f"{len(words)} words are over the limit of {WORDS_MAX}")
    return bytes(_byte_of(place, word) for place, word in enumerate(words))


def halves(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what each of two people reads out: none of them can just say that it is right.

    The first half is the longer one where they are not alike.
    """
    middle = (len(words) + 1) // 2
    return tuple(words[:middle]), tuple(words[middle:])


def _byte_of(place: int, word: str) -> int:
    known = _BYTES[place % 2]
    said = word.lower()
    if said in known:
        return known[said]
    field, shown = f"words[{place}]", repr(word[:_CHARACTERS_MAX])
    if said in _BYTES[1 - place % 2]:
        reason = f"{shown} cannot be word {place + 1}: a word before it was left out, said twice or swapped"
        raise InvalidValueError(field, reason)
    near = difflib.get_close_matches(said[:_CHARACTERS_MAX], known, n=1, cutoff=_LIKENESS_MIN)
    hint = f"did you hear {CHECK_WORDS[place % 2][known[near[0]]]!r}?" if near else "ask for it again"
    raise InvalidValueError(field, f"{shown} is not a check word; {hint}")
