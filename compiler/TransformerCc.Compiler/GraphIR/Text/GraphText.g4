// The text form of the graph IR. README.md of GraphIR shows an example; GraphParser.cs gives the meaning.
grammar GraphText;

document : 'graph' STRING '{' statement* '}' EOF ;

statement
    : 'dim' word 'in' bound '..' bound ('=' expression)?                     # dimension
    | 'input' VALUE ':' type ('=' expression)?                               # input
    | 'state' VALUE '=' VALUE                                                # state
    | 'const' VALUE ':' type '=' data                                        # constant
    | 'output' STRING '=' VALUE                                              # output
    | result (',' result)* '=' word '(' (VALUE (',' VALUE)*)? ')' attributes? sources?  # node
    ;

bound : '-'? INTEGER ;

result : VALUE ':' type ;

type : word list ;

// A label stands for data that is not printed; one number fills the whole constant.
data : LABEL | number | '{' (number (',' number)*)? '}' ;

number : '-'? (INTEGER | DECIMAL | word) ;

attributes : '{' (attribute (',' attribute)*)? '}' ;

attribute : word ('=' (list | number))? ;

list : '[' (expression (',' expression)*)? ']' ;

// Only the extent of an expression matters here: its text goes to the parser of dimension expressions.
expression : '-'? factor (('+' | '-' | '*') factor)* ;

factor
    : INTEGER
    | word ('(' expression ',' expression ')')?
    | '(' expression ')'
    ;

sources : 'from' STRING (',' STRING)* ;

// Keywords are words too, so that a dimension may be called "input".
word : WORD | 'graph' | 'dim' | 'in' | 'input' | 'const' | 'state' | 'output' | 'from' ;

VALUE : '%' [A-Za-z0-9_./:~-]+ ;
LABEL : '#' [A-Za-z0-9_]+ ;
STRING : '"' (~["\\\r\n] | '\\' .)* '"' ;
DECIMAL : DIGIT+ ('.' DIGIT+ EXPONENT? 'f'? | EXPONENT 'f'? | 'f') ;
INTEGER : DIGIT+ ;
WORD : [A-Za-z_] [A-Za-z0-9_.]* ;
COMMENT : '//' ~[\r\n]* -> skip ;
BLANK : [ \t\r\n]+ -> skip ;

fragment DIGIT : [0-9] ;
fragment EXPONENT : [eE] [+-]? DIGIT+ ;
