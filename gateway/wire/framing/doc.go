// Package framing cuts what a client sends into command lines and content, and
// keeps content until its transaction is over. It is the one strict reader of
// inbound SMTP; it knows neither sockets nor time, and no command.
//
// RFC 5321, Sections 2.3.8 (line ends), 4.1.1.4 and 4.5.2 (end of content,
// transparency), 4.5.3.1.4 (length of a command line).
package framing
