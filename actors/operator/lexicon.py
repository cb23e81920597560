"""English words that state preferences, with round weights: 0.8 and more states one by itself, less needs company.

Reasoned by hand, not fitted: a weight says how sure the word is when 'I' is its subject and the verb is in the
present. ``english`` reads them.
"""

from __future__ import annotations

from memcube.actors.operator.cue import listed

__all__ = [
    "BECAME",
    "CHAINS",
    "CONDITIONS",
    "DIETS",
    "FREQUENT",
    "HELD",
    "IDENTITIES",
    "IMPAIRED",
    "INTENSE",
    "KIN",
    "LEANINGS",
    "NEVER_HABITS",
    "PASSING",
    "PLEASANT",
    "PREFERRING",
    "SELDOM",
    "TELLING",
    "UNPLEASANT",
]


def _weights(**by_weight: str) -> dict[str, float]:
    return {word: int(name[1:]) / 10 for name, words in by_weight.items() for word in words.split()}


PREFERRING: dict[str, tuple[float, int]] = {
    **{word: (weight, 1) for word, weight in _weights(
        w12="prefer", w10="adore favor favour cherish prioritize prioritise",
        w9="love enjoy value", w8="like fancy appreciate admire crave treasure gravitate lean thrive",
    ).items()},
    **{word: (weight, -1) for word, weight in _weights(
        w12="dislike loathe detest despise abhor hate avoid",
        w10="shun boycott distrust mistrust refuse abstain refrain dread oppose resent",
        w8="fear decline",
    ).items()},
}  # fmt: skip
"""Verbs: weight and polarity."""

IMPAIRED = _weights(
    w12="stand bear tolerate stomach abide eat drink consume digest afford",
    w10="wear walk climb drive swim fly lift hear smell taste ride sit handle hike kneel",
    w5="take watch have use do go be live cope deal sleep manage touch work read stay",
)
"""After 'I cannot'; the last need more in the sentence: 'any', a reason."""
NEVER_HABITS = listed(
    "know think understand remember see get want mean recall agree feel find say suppose mind expect guess doubt"
    " worry have need be been believe seem hear heard had knew thought saw was were did got found said felt tell ask"
    " care wanna realize realise notice forget succeed finish start learn learned learnt mention fit belong look"
    " understood remembered happened experienced tried used met ate bought took gave came left drank wore drove paid spent sent told made kept held lost won went"
    " got run matter exist"
)
"""Verbs that 'never', 'always' or 'don't' make no habit of."""
FREQUENT = _weights(
    w10="only exclusively strictly solely",
    w9="always",
    w8="usually typically generally mostly mainly primarily normally regularly routinely consistently",
    w6="often",
)
"""Adverbs that make a habit of a verb in the present."""
SELDOM = {"never": 1.0, "rarely": 0.9, "seldom": 0.9, "hardly": 0.6}
INTENSE = listed(
    "strongly really absolutely strictly severely deeply truly totally completely utterly extremely intensely very so"
    " passionately firmly particularly especially definitely greatly vehemently seriously fully actively deliberately"
    " intentionally consciously simply much highly always never"
)
PASSING = INTENSE | listed(
    "also personally just still honestly too even kind sort of to please both all a an the bit rather quite pretty myself"
    " sometimes no longer now ever at more definitely"
)
"""Words between subject and verb that change nothing about which verb it is."""
CHAINS = _weights(w12="prefer", w10="choose opt", w8="tend", w3="try aim strive must", w2="need make sure should")
"""Verbs that another one follows: 'I try to avoid', 'I prefer not to watch'."""
PLEASANT = listed(
    "comfortable easier easy helpful relaxing calming soothing engaging enjoyable satisfying rewarding inspiring"
    " motivating appealing effective best fascinating fun peaceful safest safer delicious beautiful"
)
UNPLEASANT = listed(
    "too overly boring dull tedious ineffective distracting demotivating disorienting exhausting annoying irritating"
    " overwhelming stressful unpleasant uncomfortable difficult hard harder unhelpful confusing frustrating off-putting"
    " offputting gimmicky childish tacky pretentious cruel unethical depressing disturbing upsetting distressing scary"
    " terrifying gross disgusting unappealing tasteless bland unbearable intolerable useless pointless excessive"
    " draining intimidating repulsive impersonal impossible challenging anxious uneasy unsafe nauseous claustrophobic"
    " overwhelmed sick dizzy seasick carsick overstimulated restless bored drained nervous itchy wasteful"
)
"""After 'I find …' and 'I feel … when'."""
IDENTITIES = _weights(
    w12="allergic intolerant vegan vegetarian pescatarian pescetarian flexitarian celiac coeliac diabetic asthmatic"
    " dyslexic claustrophobic acrophobic agoraphobic arachnophobic colorblind colourblind color-blind colour-blind"
    " epileptic deaf kosher halal keto hypersensitive immunocompromised teetotal teetotaler phobic lactose-intolerant"
    " gluten-free plant-based impaired",
    w10="blind pregnant autistic neurodivergent disabled sober muslim jewish hindu buddhist mormon jain introvert"
    " introverted extrovert extroverted minimalist environmentalist left-handed sensitive prone carnivore atheist"
    " feminist pacifist hearing-impaired pro-life wheelchair visually-impaired lactating breastfeeding",
)
"""After 'I am', and as 'a …' after it."""
LEANINGS: dict[str, tuple[float, int]] = {
    **{word: (weight, 1) for word, weight in _weights(
        w12="fan", w10="fond partial passionate drawn committed devoted keen lover purist enthusiast addict"
        " aficionado", w9="into person advocate supporter proponent believer obsessed",
        w8="crazy nuts big conscious type adherent picky particular selective devotee dedicated used",
        w5="interested open comfortable happy willing",
    ).items()},
    **{word: (weight, -1) for word, weight in _weights(
        w12="averse", w10="against opposed afraid scared terrified uncomfortable uneasy unwilling intimidated squeamish"
        " phobic wary fearful petrified repulsed", w5="nervous anxious", w8="sick tired unable hesitant skeptical sceptical"
        " reluctant disinterested uninterested skittish",
    ).items()},
}  # fmt: skip
"""After 'I am'; a negation turns them round and makes weak ones sure ('not comfortable', 'not interested')."""
CONDITIONS = _weights(
    w12="allergy allergies intolerance sensitivity sensitivities phobia disability diabetes asthma dyslexia adhd arthritis"
    " celiac coeliac ibs insomnia migraines vertigo epilepsy eczema autism claustrophobia tinnitus wheelchair ptsd acne"
    " rosacea fibromyalgia scoliosis gerd pcos hypertension hypersensitivity allergic",
    w8="restriction restrictions anxiety religion faith diet budget depression sensitive",
    w6="condition conditions issues disease disorder fear discomfort trauma injury pain",
)
"""After 'I have', 'I use a …', 'because of my …'."""
HELD: dict[str, tuple[float, int]] = {
    **{word: (1.2, -1) for word in ("aversion", "dislike", "distaste", "hatred", "disdain", "phobia", "fear")},
    **{word: (1.2, 1) for word in ("preference", "fondness", "affinity", "passion", "preferences")},
    **{word: (0.9, 1) for word in ("love", "weakness", "thing", "appreciation", "penchant", "inclination")},
    "spot": (0.8, 1), "tooth": (0.8, 1), "policy": (0.8, 0), "rule": (0.8, 0),
    "discomfort": (1.0, -1), "objection": (0.8, -1), "objections": (0.8, -1), "reservations": (0.8, -1),
    "interest": (0.6, 1), "desire": (0.5, 1), "tolerance": (0.6, 1), "patience": (0.6, 1), "appetite": (0.6, 1),
}  # fmt: skip
"""After 'I have'; the last five are sure only as 'no interest'."""
DIETS = listed(
    "diet diets vegan vegetarian pescatarian halal kosher keto paleo gluten-free dairy-free plant-based lifestyle"
    " sabbath shabbat ramadan budget low-carb sugar-free fasting regimen carnivore principles philosophy faith"
)
BECAME = listed("given gave quit stopped cut gone went switched become turned sworn banned eliminated")
TELLING = listed(
    "suggest suggesting recommend recommending use using mention mentioning give show offer tell call include propose"
    " send bring reply answer respond write speak talk add ask remind assume schedule book order put explain format"
    " address refer apologize apologise start end keep make provide list cite quote translate sign plan pick choose"
    " serve buy"
)
"""What an assistant is told to do, always or never."""
KIN = listed(
    "wife husband partner son daughter kid kids child children mother father mom mum dad boyfriend girlfriend family"
    " baby toddler sister brother spouse fiance fiancee fiancé fiancée grandma grandpa grandmother grandfather"
)
