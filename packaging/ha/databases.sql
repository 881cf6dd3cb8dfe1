-- Run once on the primary, as postgres. The role of Comity and its databases: one for each compartment the pack uses;
-- those it does not use may be left out.
CREATE ROLE comity LOGIN PASSWORD '@COMITY_PASSWORD@';
CREATE DATABASE comity OWNER comity ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE comity_residence OWNER comity ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE comity_reentry OWNER comity ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE comity_corrections OWNER comity ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE comity_youth OWNER comity ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE comity_mental OWNER comity ENCODING 'UTF8' TEMPLATE template0;
