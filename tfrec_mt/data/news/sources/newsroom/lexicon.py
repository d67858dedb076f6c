"""The words that newsroom titles are made of."""

from typing import Final

# Three desks of twelve words per category; no two desks share a word.
DESKS: Final[dict[str, tuple[str, str, str]]] = {
    "politics": (
        "parliament minister coalition bill senate chamber lawmaker committee majority speaker "
        "amendment whip",
        "ballot candidate campaign voter turnout pollster constituency primary debate landslide "
        "recount manifesto",
        "embassy treaty summit sanctions diplomat border ambassador alliance envoy ceasefire "
        "delegation protocol",
    ),
    "crime": (
        "burglary robbery thief heist pickpocket fence loot shoplifter vault jewellery getaway "
        "alarm",
        "court judge verdict lawsuit jury prosecutor appeal sentence plaintiff testimony bail "
        "defendant",
        "police detective patrol suspect arrest manhunt precinct informant handcuffs forensics "
        "raid warrant",
    ),
    "sports": (
        "football striker goalkeeper penalty midfielder derby offside stadium kickoff referee "
        "defender transfer",
        "handball cyclist peloton stage sprint yellow jersey breakaway climber velodrome saddle "
        "pedal",
        "tennis racket serve grandslam volley backhand umpire tiebreak court-side doubles baseline "
        "wimbledon",
    ),
    "business": (
        "stocks shares investor dividend bourse index trader portfolio rally futures broker ipo",
        "factory merger supplier export shipyard workforce manufacturer logistics takeover startup "
        "retailer payroll",
        "mortgage inflation interest central-bank housing loan tax pension savings rent wage "
        "budget",
    ),
    "health": (
        "hospital surgeon ward nurse ambulance clinic patient emergency transplant doctor bedside "
        "midwife",
        "vaccine virus influenza outbreak infection epidemic antibody symptom quarantine booster "
        "strain fever",
        "diet vitamin protein sleep yoga calories gluten breakfast fasting wellness jogging "
        "meditation",
    ),
    "technology": (
        "smartphone app screen battery gadget tablet charger headset camera laptop update browser",
        "hacker malware password breach encryption firewall phishing ransomware server leak cyber "
        "botnet",
        "robot algorithm chatbot neural satellite rocket telescope lab quantum chip sensor drone",
    ),
    "culture": (
        "film actor premiere director cinema screenplay festival sequel trailer oscar studio "
        "documentary",
        "concert singer album guitarist tour chart melody stage-show orchestra rapper vinyl encore",
        "novel author painting museum poet gallery sculpture publisher theatre exhibition memoir "
        "library",
    ),
    "celebrity": (
        "royal princess palace queen crown duke castle heir coronation throne prince carriage",
        "wedding romance divorce couple engagement honeymoon bride dating breakup anniversary "
        "proposal baby",
        "influencer reality contestant selfie follower podcast makeover paparazzi livestream host "
        "finale villa",
    ),
    "weather": (
        "storm hurricane gale flood thunder lightning cyclone gust surge downpour warning hail",
        "snow frost blizzard ice glacier freeze sleet ski winter avalanche slush thaw",
        "heatwave sunshine drought beach wildfire temperature summer humidity pollen barbecue "
        "shade lake",
    ),
    "travel": (
        "airport flight airline runway passenger luggage cockpit boarding takeoff terminal jet "
        "stewardess",
        "hotel island resort cruise tourist villa-rental souvenir holiday lagoon passport hammock "
        "itinerary",
        "train motorway traffic ferry bridge commuter tram tunnel railway car bicycle-lane station",
    ),
}

SENTIMENTS: Final = ("negative", "neutral", "positive")
FEELINGS: Final = (
    "tragic furious shocking feared worst grim angry disaster panic bitter chaos collapse outrage "
    "scandal painful devastating threatened broken",
    "annual regional updated scheduled routine official weekly standard expected ordinary planned "
    "initial general joint formal current interim partial",
    "joyful brilliant triumph happy best wonderful proud celebrated hopeful success beloved "
    "delighted record-breaking rescued thrilling charming inspiring bright",
)

NOISE: Final = (
    "after before today again now week readers here story live people report new video first this "
    "year why how city night morning local country world group plan case family back home time"
)

# {t} a topic word, {s} a feeling, {n} a noise word, {e} an entity
TEMPLATES: Final = (
    "{s} {t} as {t} meets {s} {t}",
    "{e}: {s} {t} and {t} {n}",
    "{n} {t} brings {s} {t} for {t}",
    "{s} {n}: {t} over {t}, {s} {t}",
    "{e} on {t}, {t} and a {s} {n}",
    "why the {t} {n} is {s} about {t} and {t}",
    "{t} and {t} in {s} {n} with {e}",
    "{n}: {s} {t}, {s} {t}",
)

GIVEN: Final = (
    "Anna Bo Clara David Emma Frederik Gry Henrik Ida Jonas Karen Lars Mette Niels Olga Peter "
    "Rikke Søren Tina Viggo"
)
FAMILY: Final = (
    "Ager Berg Dahl Eskildsen Falk Gram Holm Iversen Juul Krogh Lund Møller Nørgaard Overby "
    "Poulsen Ravn Skov Thorsen Vang Winther"
)
