package lookalike

// ownHosts are names below a shared domain that are the service's own.
var ownHosts = map[string]bool{"mail": true, "email": true, "e": true, "em": true, "mg": true, "m": true, "news": true, "info": true, "support": true, "help": true, "app": true, "www": true, "notifications": true, "noreply": true}

// shared are domains of services that write mail for each customer under a name below
// theirs, and that the public suffix list does not hold: there a customer's name is
// what a registration is elsewhere, and anybody may have one that resembles another's.
var shared = map[string]bool{
	"onmicrosoft.com": true, "onmicrosoft.de": true, "mail.onmicrosoft.com": true, "sharepoint.com": true,
	"zendesk.com": true, "freshdesk.com": true, "freshservice.com": true, "atlassian.net": true, "service-now.com": true,
	"my.salesforce.com": true, "odoo.com": true, "bitrix24.com": true, "bitrix24.de": true, "teamwork.com": true,
	"kayako.com": true, "happyfox.com": true, "uservoice.com": true, "helpscoutapp.com": true, "gorgias.com": true,
	"personio.de": true, "bamboohr.com": true, "okta.com": true, "slack.com": true, "netsuite.com": true,
}
