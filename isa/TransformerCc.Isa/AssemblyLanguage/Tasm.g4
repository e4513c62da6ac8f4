// The TX1 assembly language: one directive, label or instruction a line. The grammar is flat on purpose: loops and
// branches give instruction counts or labels, so no input can make the parser recurse. What an operand's value may be is
// decided by the instruction's own declaration of its operands, not here.
grammar Tasm;

file
    : line? (NEWLINE line?)* EOF
    ;

line
    : directive
    | label
    | instruction
    ;

directive
    : '.chip' name=STRING fingerprint=STRING?                                     # chip
    | '.option' text=STRING                                                       # option
    | '.parameters' count=NUMBER                                                  # parameters
    | '.dimension' name=STRING lower=NUMBER upper=NUMBER parameter=NUMBER         # dimension
    | '.tensor' name=STRING kind=NAME type=NAME shape parameter=NUMBER            # tensor
    | '.default' name=STRING dimensionSize                                        # defaultValue
    | '.fill' name=STRING dimensionSize                                           # fill
    | '.state' name=STRING kind=NAME past=STRING length=dimensionSize window=NUMBER positions=dimensionSize?  # state
    | '.weights' kind=NAME (count=NUMBER text=STRING? | text=STRING)              # weights
    | '.debug' operation=STRING node=STRING source=STRING                         # debug
    | '.work' node=STRING source=STRING kind=NAME macs=dimensionSize bytes=dimensionSize  # work
    | '.entry' name=STRING                                                        # entry
    | '.limit' name=STRING upper=NUMBER                                           # limit
    ;

shape
    : '[' (dimensionSize (',' dimensionSize)*)? ']'
    ;

// A number, or an expression over dimensions in quotes: "past + seq".
dimensionSize
    : NUMBER
    | STRING
    ;

label
    : NAME ':'
    ;

instruction
    : mnemonic=NAME operand*
    ;

operand
    : key=NAME '=' value
    ;

value
    : NUMBER (',' NUMBER)*                             # numbers
    | NAME                                             # word
    | space=NAME '[' place ']' (':' attribute)*        # address
    ;

// Inside an address: an offset, a register, or both.
place
    : offset=NUMBER
    | register=NAME ('+' offset=NUMBER)?
    ;

// After an address of the vector engine: a format, row=256, col=0.
attribute
    : NAME ('=' (number=NUMBER | word=NAME))?
    ;

NAME    : [A-Za-z_] [A-Za-z0-9_.]* ;
NUMBER  : '-'? ('0x' [0-9A-Fa-f]+ | [0-9]+ ('.' [0-9]+)? ([Ee] [+-]? [0-9]+)? | 'inf') ;
STRING  : '"' (~["\\\r\n] | '\\' ~[\r\n])* '"' ;
NEWLINE : '\r'? '\n' ;
BLANK   : [ \t]+ -> skip ;
COMMENT : '#' ~[\r\n]* -> skip ;
OTHER   : . ;
