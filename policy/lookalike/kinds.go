package lookalike

import "strings"

// kinds are what houses are, as their names say it: what two have in common makes
// neither the other.
var kinds = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(kindWords) {
		m[foldWord(word)] = true
	}
	return m
}()

// kindWords are kinds of houses, trades and offices, in German, English and a few of
// other languages.
const kindWords = `
abwasser academy accountants agentur agrar akademie altenheim aluminium anlagenbau anwaelte anwalt anzeiger apotheke architects architekten archiv
arzt asociacion association assurance assurances atelier attorneys auberge autohaus avocat avocats bad baeckerei bahn bakery banca banco bancorp
bancshares banker bankers banks banque bau bauen bauer baustoffe bedachung berg bergbau bibliothek bistum blatt bloggers blogs borough bote
boulangerie boutique brauerei brewery brothers browser buch buecher buehne buero builders buildings bund bureau burg caisse caja camping cards caritas
casa casino castings ceramics chamber chapel charity chateau cheese chemicals cinema clinique clothes coin coins colleges commune components conseil
construction constructors consultants content contractors council couriers court dach dairy date dates dealer dealers dentist dentists department
diakonie dienst dienste dienstleistung domaine dorf downloads drinks druck druckerei eats ecole edilizia editions electrical electrics elektro
elektrotechnik energie engineers equipment fabrics fachhandel fahrschule fans farms federation feed feld fenster ferme feuerwehr films finder
fisheries fittings flooring florist fondation forex forst forums foto foundry freight freunde furniture garage gardens garten gasthaus gasthof gazette
gebaeude gemeente gemeinde genossenschaft gesamtschule glas glass grocery groep grosshandel groupe grundschule gymnasium hafen halle handel handwerk
handwerkskammer hardware haus hausverwaltung heating heim heizung herald hilfe hochbau hochschule hof holz holzbau homes hospitals houses images
immobiliare immobilien immobilier imprimerie industrie industries ingenieure inn innung institut institution interiors istituto jagd jewellers jewelry
jugend kaffee kammer kanzlei kasse kinder kirche kirchenkreis kitchens klinik klinikum konzept krankenhaus kreis kueche kuechen kunst kurier labor
laboratories laden lager landkreis landschaft landwirtschaft lawyers lehre librairie licht lighting lists lodge logistic lottery lumber lycee mairie
maison makler maler manufacturing markets markt maschinen maschinenbau materials mechanics medien memorial metall metallbau metals metzgerei meubles
ministry mobility moebel mortgages motel mountains museum musik mutuelle nachrichten netz netze notaire notar number numbers nurseries optics
orchestra packaging paint painting paints papier parish partei parts pension pfarrei pflege pflegedienst pharmacie pharmacy phones physics pizza
plants planung plastics platz plumbing poker police polizei pottery practice praxis prices printers printing produce production productions propane
publishers publishing pumps raiffeisenbank rates raum realschule realtors realty rechtsanwaelte rechtsanwalt recipes reisen removals residence
restaurant reviews rohr rohre roofing rubber rundschau sanitaer scaffolding schmuck schools schreinerei schule schulen schutz scouts scuola see
servers sheriff shoes signs societe songs sons sparkasse spedition spiel spiele sportverein stables stadt stadtwerke stahl stahlbau stationery stats
stein steuerberater stores strassenbau streams supplies surgery surveyors synagogue syndicat tal taxis technik telecom textiles theater theatre
theatres tiefbau timber tires tischlerei torrents tourismus tourist touristik tractors trailers trains translations transporte tribune trucking trucks
trustees trusts tube tubes turnverein tyres uhren umwelt universitaet universite verband verkehr verkehrsbetriebe verlag verwaltung veterinary vets
villa villages ville vineyards vins visas volksbank wald wasser weg wein weingut welt werbung werft werke werkstatt werkzeug werkzeugbau wholesale
windows winery wines winzer wireless wohnbau wohnen wohnung wohnungsbau woods yachts zahnarzt zeitung zentrum zimmerei
`
