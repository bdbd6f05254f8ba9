/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MESSAGE_ID= of the records that tell what becomes of a guest; units/uml-systemd.catalog says what they mean, and uml@.service(8)
 * what fields they have. Programs look for them: they never change. */
#define EVENT_STARTING "cb95a392ac01447fbabd733e0a36c61a"
#define EVENT_READY "ed588389aefb41588160deb1d0ecac7d"
#define EVENT_REBOOTED "496ae7680f544067962d0c6ce9140998"
#define EVENT_STOPPING "1d75be36a18c468bbf52d29f49d638d1"
#define EVENT_PANIC "b87b77213c1840bc8898bd9e85c0dc3c"
#define EVENT_HANG "cb88afe3d0454865b2ef0cc5050b408a"
#define EVENT_TAKEN_OVER "d4eab0d236d640daa150b2fcdd035efe"
#define EVENT_KILLED "10f798c092f948339a7730801e7b4b37"
#define EVENT_ENDED "a4f25f5826a64fe9b580d85ea8a87b03"
#define EVENT_SUSPENDED "3df622fc9ed04c77ad0d043cef6d9f8b"
#define EVENT_RESUMED "bd1ea91077b245a4a97125a6e4701648"
