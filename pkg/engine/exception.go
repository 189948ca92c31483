//go:build linux || darwin

package engine

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// An exception is an error as ClickHouse sends it.
type exception struct {
	code int
	text string // "Code: 62. DB::Exception: … (SYNTAX_ERROR)"
}

func (e *exception) Error() string { return e.text }

var exceptionCode = regexp.MustCompile(`^Code: (\d+)\.`)

// newException takes the text of an error of the engine.
func newException(text string) error {
	text = strings.TrimSpace(text)
	e := &exception{code: 1001, text: text} // STD_EXCEPTION
	if m := exceptionCode.FindStringSubmatch(text); m != nil {
		e.code, _ = strconv.Atoi(m[1])
	}
	return e
}

// refuse makes an exception of the facade's own.
func refuse(code proto.Error, name, format string, args ...any) error {
	return &exception{code: int(code), text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

func denied(format string, args ...any) error {
	return refuse(proto.ErrAccessDenied, "ACCESS_DENIED", format, args...)
}

func notImplemented(format string, args ...any) error {
	return refuse(proto.ErrNotImplemented, "NOT_IMPLEMENTED", format, args...)
}

func badArguments(format string, args ...any) error {
	return refuse(proto.ErrBadArguments, "BAD_ARGUMENTS", format, args...)
}

// status returns the HTTP status ClickHouse gives the exception
// (exceptionCodeToHTTPStatus.cpp).
func (e *exception) status() int {
	switch proto.Error(e.code) {
	case proto.ErrRequiredPassword:
		return http.StatusUnauthorized
	case proto.ErrUnknownUser, proto.ErrWrongPassword, proto.ErrAuthenticationFailed,
		proto.ErrSetNonGrantedRole, proto.ErrAccessDenied:
		return http.StatusForbidden
	case proto.ErrBadArguments, proto.ErrCannotCompileRegexp, proto.ErrCannotParseText,
		proto.ErrCannotParseEscapeSequence, proto.ErrCannotParseQuotedString, proto.ErrCannotParseDate,
		proto.ErrCannotParseDatetime, proto.ErrCannotParseNumber, proto.ErrCannotParseDomainValueFromString,
		proto.ErrCannotParseIpv4, proto.ErrCannotParseIpv6, proto.ErrCannotParseInputAssertionFailed,
		proto.ErrCannotParseUUID, proto.ErrDuplicateColumn, proto.ErrIllegalColumn, proto.ErrUnknownElementInAst,
		proto.ErrUnknownTypeOfAstNode, proto.ErrThereIsNoColumn, proto.ErrTooDeepAst, proto.ErrTooBigAst,
		proto.ErrUnexpectedAstStructure, proto.ErrSyntaxError, proto.ErrIncorrectData, proto.ErrTypeMismatch,
		proto.ErrValueIsOutOfRangeOfDataType:
		return http.StatusBadRequest
	case proto.ErrUnknownTable, proto.ErrUnknownFunction, proto.ErrUnknownIdentifier, proto.ErrUnknownType,
		proto.ErrUnknownStorage, proto.ErrUnknownDatabase, proto.ErrUnknownSetting,
		proto.ErrUnknownDirectionOfSorting, proto.ErrUnknownAggregateFunction, proto.ErrUnknownFormat,
		proto.ErrUnknownDatabaseEngine, proto.ErrUnknownTypeOfQuery, proto.ErrUnknownRole:
		return http.StatusNotFound
	case proto.ErrQueryIsTooLarge:
		return http.StatusRequestEntityTooLarge
	case proto.ErrNotImplemented:
		return http.StatusNotImplemented
	case proto.ErrSocketTimeout, proto.ErrCannotOpenFile, proto.ErrCannotScheduleTask:
		return http.StatusServiceUnavailable
	case proto.ErrHTTPLengthRequired:
		return http.StatusLengthRequired
	case proto.ErrTimeoutExceeded:
		return http.StatusRequestTimeout
	}
	return http.StatusInternalServerError
}
